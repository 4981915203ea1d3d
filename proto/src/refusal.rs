//! Every refusal and fault that a person may meet has a code, and each code a page in `refusals/`.
//!
//! A code is stable for ever: it is never reused, and its meaning never changes.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($name:ident = $number:literal, $title:literal;)*) => {
        /// A stable code of a refusal or fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $(#[doc = $title] $name,)* }

        impl Code {
            /// Every code there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The number behind `SP-`.
            #[must_use]
            pub fn number(self) -> u16 {
                match self { $(Self::$name => $number,)* }
            }

            /// The code with that number, when there is one.
            #[must_use]
            pub fn from_number(number: u16) -> Option<Self> {
                match number { $($number => Some(Self::$name),)* _ => None }
            }

            /// One line that says what it means.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

codes! {
    PermissionDenied = 1001, "permission denied";
    ChannelRefused = 1002, "this kind of channel is not open to you here";
    TooManySessions = 1003, "too many sessions are open";
    SessionEnded = 1004, "the session was ended by the gateway";
    Draining = 1005, "the gateway is shutting down";
    EnvironmentRefused = 1006, "an environment variable was not passed on";
    Locked = 1007, "access is locked";
    ContactLost = 1008, "the gateway has lost contact with its cluster";
    SettingRefused = 1009, "a setting of the connection is not taken";
    MessageTooLarge = 1010, "a message is larger than the gateway looks through";
    ProtocolBroken = 1011, "the client does not keep to the protocol";
    BlockedByRule = 1201, "the command is blocked by policy";
    Unreadable = 1202, "the command cannot be read, so it is blocked";
    NotListed = 1203, "the command is not among those that are allowed";
    HeldWithoutApprovals = 1204, "the command needs an approval, which this node cannot ask for";
    PermitExpired = 1205, "the decision was too old when the command was to be sent";
    CommandTooLong = 1206, "the command is too long to be judged";
    ApprovalDenied = 1207, "the approval was denied";
    ApprovalExpired = 1208, "nobody approved the command in time";
    ApprovalWithdrawn = 1209, "the request for an approval was withdrawn";
    ApprovalRevoked = 1210, "the approval was taken back";
    Held = 1211, "the command waits for somebody else's approval";
    LimitReached = 1212, "a limit that policy sets was reached";
    ContentWithheld = 1213, "a file holds what is masked here, so it is not given out";
    ForwardUnseen = 1214, "the forward leads to a target that is reached through the gateway";
    UploadRefused = 1215, "a file holds what may not be sent there, so no more of it is written";
    ColumnsExposed = 1220, "the statement could show or carry away a masked column";
    TargetUnreachable = 1301, "the target cannot be reached";
    HostKeyMismatch = 1302, "the target's host key is not the one that is pinned";
    TargetRefusedLogin = 1303, "the target refused the gateway's credential";
    TargetTimeout = 1304, "the target did not answer in time";
    CredentialMissing = 1305, "the credential for the target cannot be found on this node";
    TargetLost = 1306, "the connection to the target was lost";
    TargetRefusedChannel = 1307, "the target refused to run the command";
    RecordUnavailable = 1401, "the record cannot be written, so nothing runs";
    RecordFull = 1402, "the record is full, so nothing runs";
    RecordUnconfirmed = 1403, "the record was not confirmed in time, so nothing runs";
    RecordDamaged = 1404, "the record is damaged";
    InputBehind = 1405, "the target reads its input too slowly for what was sent";
    StreamDown = 1406, "the replicated stream does not answer";
    StreamForked = 1407, "the replicated stream holds what this node did not write";
    StreamFull = 1408, "the replicated stream is full";
    StreamLacks = 1409, "the replicated stream lacks events";
    RecordTrimmed = 1410, "the start of the record is not here any more";
    ViewsUnreachable = 1451, "the audit views' home cannot be used";
    ViewsDamaged = 1452, "the audit views are damaged, and are folded anew";
    ViewsHeld = 1453, "an event is missing or does not follow, so its chain is folded no further";
    NotAuthenticated = 1501, "no valid token";
    NotPermitted = 1502, "your roles do not permit this";
    NotFound = 1503, "there is no such thing";
    BadRequest = 1504, "the request is not right";
    TooManyRequests = 1505, "too many requests";
    LoginRefused = 1506, "the login was refused";
    ServerUnreachable = 1507, "the gateway's API cannot be reached";
    NoQuorum = 1508, "the cluster has no majority";
    OutcomeUnknown = 1509, "it is unknown whether the change was made";
    StaleRevision = 1510, "somebody else changed it meanwhile";
    SelfApproval = 1511, "nobody approves what they asked for themselves";
    NotAnApprover = 1512, "you are not among those who may approve this";
    AlreadyRuled = 1513, "you have ruled on this already";
    ApprovalOver = 1514, "the request is not open any more";
    AdministratorNeverApproves = 1515, "the administrator is no person, and approves nothing";
    SecondPersonNeeded = 1516, "a second person must agree to this change";
    CertificateRefused = 1517, "the client certificate was refused";
    PolicyWrong = 1601, "the policy is not right";
    PeopleWrong = 1602, "the people file is not right";
    TargetsWrong = 1603, "the targets file is not right";
    ConfigurationWrong = 1604, "the configuration is not right";
    DataDirectoryBusy = 1605, "the data directory is in use by another process";
    DataDirectoryWrong = 1606, "the data directory cannot be used";
    ListenFailed = 1607, "an address cannot be listened on";
    CasesFailed = 1608, "cases of the policy did not come out as expected";
    ClusterUninitialized = 1609, "the node belongs to no cluster yet";
    AlreadyInitialized = 1610, "the data directory belongs to a cluster already";
    StreamTooOld = 1611, "the server of the replicated stream is too old";
    StreamWrong = 1612, "the replicated stream is not as it must be";
    TamperingFound = 1701, "the record was tampered with";
    DecisionDiffers = 1702, "a recorded decision comes out differently";
    ArchiveUnreadable = 1703, "the archive cannot be read";
    NotVerified = 1704, "it could not be verified";
    JoinRefused = 1801, "the join token is not good";
    WrongCluster = 1802, "the node belongs to another cluster";
    VersionMismatch = 1803, "the versions are too far apart";
    ClockOff = 1804, "the node's clock is off";
    PeerUntrusted = 1805, "the certificate is not one of this cluster's";
    StaleDisk = 1806, "the disk is an old copy of this node's";
    LogDamaged = 1807, "the replicated log is damaged";
    NotAMember = 1808, "the node is not a member";
    PeerUnreachable = 1809, "another node cannot be reached";
    LastVoter = 1810, "the cluster cannot do without this node";
    BackupUnreadable = 1811, "the backup cannot be read";
    Internal = 1901, "a bug in the gateway ended this";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SP-{}", self.number())
    }
}

impl From<Code> for String {
    fn from(code: Code) -> Self {
        code.to_string()
    }
}

/// Text that is not a code.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not a code of the form SP-1234")]
pub struct NotACode(String);

impl TryFrom<String> for Code {
    type Error = NotACode;

    fn try_from(text: String) -> Result<Self, NotACode> {
        let found = Self::ALL.iter().find(|code| code.to_string() == text);
        found.copied().ok_or(NotACode(text))
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::try_from(text).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Code {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Code".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^SP-[0-9]{4}$" })
    }
}

/// A refusal as it is told to a client: a code, and a text that is fit for a stranger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, thiserror::Error)]
#[error("{code}: {text}")]
pub struct Told {
    /// The stable code.
    pub code: Code,
    /// What happened and what to do, in one or two sentences.
    pub text: String,
}

impl Told {
    /// A refusal with the code's own title and nothing more.
    #[must_use]
    pub fn plain(code: Code) -> Self {
        Self { code, text: code.title().to_owned() }
    }

    /// A refusal with a text of its own.
    #[must_use]
    pub fn new(code: Code, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}
