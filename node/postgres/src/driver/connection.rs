//! One client's connection, from its first byte to its last.

use std::net::SocketAddr;
use std::sync::Arc;

use node_gate::Ending;
use node_identity::Subject;
use node_session::door::Places;
use node_session::{Asked, Session};
use proto::reading::Channel;
use proto::refusal::{Code, Told};
use proto::target::TargetKind;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::back::{self, Dialled, Opening};
use super::front::{self, Begun, Gone, NotIn, Secured};
use super::leg::Leg;
use super::lens::Lens;
use super::node::Node;
use super::serve::{End, Served};
use super::{cancel, events, random};
use crate::attempts::Pace;
use crate::codec::frame::HEADER_BYTES;
use crate::codec::startup::Begin;
use crate::codec::write;
use crate::config::{FAREWELL_DEADLINE, REJECTION_TIME};
use crate::conversation::Conversation;
use crate::login::{self, Claim};
use crate::settings::{Fate, fate};
use crate::unsent::Unsent;
use node_session::names::printable;

/// The longest `application_name` that PostgreSQL keeps, in bytes.
const APPLICATION_BYTES: usize = 63;

/// What a client asked for, and who it is.
struct LoggedIn {
    subject: Subject,
    claim: Claim,
    settings: Vec<(String, String)>,
    minor: u32,
}

/// Serves one connection until it is over.
pub(super) async fn serve(
    node: Arc<Node>,
    stream: TcpStream,
    peer: SocketAddr,
    mut places: Places,
) {
    let number = node.door.next_connection();
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(connection = number, %error, "no TCP_NODELAY");
    }
    let deadline = Instant::now() + node.config.limits.login_deadline;
    let begun = timeout_at(deadline, front::begin(&node, stream)).await;
    let (mut leg, begin, secured) = match begun {
        Ok(Ok(Begun::Login { leg, begin, secured })) => (*leg, begin, secured),
        Ok(Ok(Begun::Cancel { process, secret })) => {
            let now = node.sessions.ports().clock.elapsed();
            return node.config.cancels.ask(places.source(), process, secret, now);
        }
        Ok(Err(error)) => return not_begun(number, peer, &error),
        Err(_) => return tracing::debug!(connection = number, %peer, "no login in time"),
    };
    let from = peer.ip().to_canonical().to_string();
    let may_try = node.may_try(places.source());
    let logging_in = log_in(&node, &mut leg, begin, secured.as_ref(), &from, may_try);
    let logged_in = match timeout_at(deadline, logging_in).await {
        Ok(Ok(logged_in)) => logged_in,
        Ok(Err(Some(told))) => {
            if matches!(told.code, Code::LoginRefused | Code::CertificateRefused) {
                node.failed(places.source());
            }
            return say_farewell(&mut leg, &told).await;
        }
        Ok(Err(None)) => return,
        Err(_) => return tracing::debug!(connection = number, %peer, "no login in time"),
    };
    if !places.known() {
        return;
    }
    events::let_in(&node, &logged_in.subject, &from, number);
    let begun = timeout_at(deadline, start(&node, leg, logged_in, number, from)).await;
    match begun {
        Ok(Some(served)) => live(served).await,
        Ok(None) => {}
        Err(_) => tracing::debug!(connection = number, %peer, "no session in time"),
    }
}

fn not_begun(number: u64, peer: SocketAddr, error: &Gone) {
    tracing::debug!(connection = number, %peer, %error, "no PostgreSQL connection");
}

async fn say_farewell(leg: &mut Leg, told: &Told) {
    if !matches!(timeout(FAREWELL_DEADLINE, front::farewell(leg, told)).await, Ok(Ok(()))) {
        tracing::debug!(code = %told.code, "a client is not told why its connection is over");
    }
}

/// Finds out who it is. What the client is told when it is nobody, or nothing when it has left.
async fn log_in(
    node: &Arc<Node>,
    leg: &mut Leg,
    begin: Begin,
    secured: Option<&Secured>,
    from: &str,
    may_try: bool,
) -> Result<LoggedIn, Option<Told>> {
    if !may_try {
        return Err(Some(Told::plain(Code::TooManyRequests)));
    }
    let value = |wanted: &str| {
        let found = begin.parameters.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.clone())
    };
    let mut settings = Vec::new();
    let mut unknown = Vec::new();
    for (name, value) in &begin.parameters {
        match fate(name, value) {
            Fate::Ours => {}
            Fate::Passed => settings.push((name.clone(), value.clone())),
            Fate::Unknown => unknown.push(name.as_str()),
            Fate::Refused => {
                let text = format!("The setting {} is not passed on.", printable(name, 63));
                return Err(Some(Told::new(Code::SettingRefused, text)));
            }
        }
    }
    let minor = front::negotiate(leg, &begin, &unknown);
    let user = value("user").ok_or_else(|| Some(Told::plain(Code::ProtocolBroken)))?;
    let database = value("database").unwrap_or_else(|| user.clone());
    let claim = login::claim(&user, &database).ok_or_else(|| Some(front::refusal()))?;
    let begun = Instant::now();
    let (method, reason, told) = match front::prove(node, leg, &claim.person, secured).await {
        Ok(subject) => return Ok(LoggedIn { subject, claim, settings, minor }),
        Err(NotIn::Gone) => return Err(None),
        Err(NotIn::Refused(reason)) => (events::PASSWORD, reason, front::refusal()),
        Err(NotIn::NotCertified { reason, told }) => {
            (events::CERTIFICATE, reason, Told::new(Code::CertificateRefused, told))
        }
    };
    events::not_let_in(node, &claim.person, from, method, reason);
    tokio::time::sleep_until(begun + REJECTION_TIME).await;
    Err(Some(told))
}

/// Opens the session, then the way to the database.
async fn start(
    node: &Arc<Node>,
    mut leg: Leg,
    logged_in: LoggedIn,
    number: u64,
    from: String,
) -> Option<Served> {
    match try_start(node, &mut leg, &logged_in, number, from).await {
        Ok((session, dialled, key, refused)) => {
            let database = database(&session, &logged_in);
            let canceller = dialled.canceller().map(Arc::new);
            let mut talk = Conversation::new();
            for status in dialled.greetings.iter().filter(|one| one.first() == Some(&b'S')) {
                talk.began(status.get(HEADER_BYTES..).unwrap_or_default());
            }
            Some(Served {
                node: node.clone(),
                session,
                client: leg,
                target: dialled.leg,
                talk,
                key,
                canceller,
                refused,
                input: None,
                error: None,
                places: Vec::new(),
                unsent: Unsent::default(),
                lens: Lens::new(database),
                looked: Arc::default(),
                stopped: None,
                stopping: None,
                stop_again: false,
                pace: Pace::default(),
            })
        }
        Err(told) => {
            say_farewell(&mut leg, &told).await;
            None
        }
    }
}

type Started = (Session, Dialled, cancel::Key, Vec<u8>);

async fn try_start(
    node: &Arc<Node>,
    leg: &mut Leg,
    logged_in: &LoggedIn,
    number: u64,
    from: String,
) -> Result<Started, Told> {
    if node.drain.is_cancelled() {
        return Err(Told::plain(Code::Draining));
    }
    let LoggedIn { subject, claim, .. } = logged_in;
    let actor = login::actor(subject, Some(from));
    let target = claim.target.clone().filter(|name| {
        node.view().targets.get(name).is_some_and(|target| target.kind == TargetKind::Postgres)
    });
    let Some(target) = target else {
        let told = Told::plain(Code::PermissionDenied);
        let reason = "there is no database of that name".to_owned();
        node.sessions.refused(&actor, number, "query", told.clone(), reason);
        return Err(told);
    };
    let (login, channel, connection) = (claim.role.clone(), Channel::Query, number);
    let mut session =
        node.sessions.open(&Asked { actor, target, login, channel, connection }).await?;
    match reach(node, &mut session, leg, logged_in, &subject.person.to_string()).await {
        Ok((dialled, key, refused)) => Ok((session, dialled, key, refused)),
        Err(told) => {
            session.close(&told.code.to_string()).await;
            Err(told)
        }
    }
}

async fn reach(
    node: &Arc<Node>,
    session: &mut Session,
    leg: &mut Leg,
    logged_in: &LoggedIn,
    person: &str,
) -> Result<(Dialled, cancel::Key, Vec<u8>), Told> {
    let target = session.target().clone();
    let database = database(session, logged_in);
    let mut application = format!("sallyport {} {person}", session.id());
    application.truncate(application.floor_char_boundary(APPLICATION_BYTES));
    let role = session.login().to_owned();
    let opening = Opening {
        role: &role,
        database: &database,
        application: &application,
        settings: &logged_in.settings,
    };
    let dialled = session.meanwhile(back::dial(node, &target, &opening)).await;
    let dialled = dialled.map_err(|node_session::Over(told)| told)??;
    let no_randomness = || Told::plain(Code::Internal);
    let key = cancel::key(&node.config.cancels, logged_in.minor).ok_or_else(no_randomness)?;
    let refused = refused_portal().ok_or_else(no_randomness)?;
    let mut out = Vec::new();
    write::authentication(&mut out, 0, &[]);
    leg.put_slice(&out);
    for greeting in &dialled.greetings {
        greet(session, leg, greeting)?;
    }
    let mut out = Vec::new();
    write::key(&mut out, key.process, &key.secret);
    write::message(&mut out, b'Z', |out| out.push(b'I'));
    leg.put_slice(&out);
    Ok((dialled, key, refused))
}

/// The database that is meant.
fn database(session: &Session, logged_in: &LoggedIn) -> String {
    let own = || session.target().database().map(|database| database.name.clone());
    logged_in.claim.database.clone().or_else(own).unwrap_or_default()
}

/// Passes on what a database says of itself.
fn greet(session: &mut Session, leg: &mut Leg, message: &bytes::Bytes) -> Result<(), Told> {
    use crate::codec::places::Finder;
    use crate::conversation::Passed;
    let mut places = Vec::new();
    let finder = Finder { places: &mut places, at: 0 };
    let mut talk = Conversation::new();
    let kind = message.first().copied().unwrap_or_default();
    match talk.answered(kind, message.get(HEADER_BYTES..).unwrap_or_default(), finder) {
        Ok(Passed::On) => {
            let release = session.values(message.clone(), &places, 0)?;
            leg.put(release.into_bytes());
            Ok(())
        }
        Ok(Passed::Unfit(why)) => Err(Told::new(Code::SettingRefused, why)),
        Ok(Passed::Instead(_) | Passed::Stop | Passed::Nowhere(_)) | Err(_) => {
            Err(Told::plain(Code::TargetLost))
        }
    }
}

/// Cursors of SQL are portals too: so its name is one that cannot be guessed.
fn refused_portal() -> Option<Vec<u8>> {
    let drawn: [u8; 16] = random::bytes()?;
    let letters = drawn.map(|byte| b'a' + (byte & 15));
    Some([&b"sallyport: a statement was refused "[..], &letters].concat())
}

/// Serves the session, and closes the books.
async fn live(mut served: Served) {
    let end = served.run().await;
    let input = served.passed();
    if served.talk.has_command() {
        let ending = match &end {
            End::ClientLeft => Ending::ClientLeft,
            End::TargetLost => Ending::Failed(Told::plain(Code::TargetLost)),
            End::Told(told) => Ending::Refused(told.clone()),
        };
        // What still runs for nobody is ended.
        served.cancel();
        if let Err(told) = served.session.ended(ending, input).await {
            tracing::warn!(session = %served.session.id(), %told, "an end is not recorded");
        }
    }
    let Served { session, mut client, mut target, .. } = served;
    let (reason, told) = match end {
        End::ClientLeft => ("client left".to_owned(), None),
        End::TargetLost => (Code::TargetLost.to_string(), Some(Told::plain(Code::TargetLost))),
        End::Told(told) if told.code == Code::Draining => ("drained".to_owned(), Some(told)),
        End::Told(told) => (told.code.to_string(), Some(told)),
    };
    if let Some(told) = &told {
        say_farewell(&mut client, told).await;
    }
    session.close(&reason).await;
    let mut goodbye = Vec::new();
    write::empty(&mut goodbye, b'X');
    target.put_slice(&goodbye);
    let leaving = async {
        target.flush().await?;
        target.shutdown().await
    };
    if !matches!(timeout(FAREWELL_DEADLINE, leaving).await, Ok(Ok(()))) {
        tracing::debug!("a database was not told goodbye");
    }
}
