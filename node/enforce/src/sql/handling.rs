//! What whoever speaks the protocol must know of a statement. No decision depends on it.

/// What one statement means for the protocol and the session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handling {
    /// It begins, ends or marks a transaction.
    pub transaction: Option<Transaction>,
    /// Parameters of the session that it sets, in the order of its text.
    pub settings: Vec<Setting>,
    /// It makes, runs or forgets a prepared statement.
    pub prepared: Option<Prepared>,
    /// Its own text, when it makes one: whoever executes that by name is judged by this.
    pub prepares: Option<String>,
    /// It is a COPY from or to the client.
    pub copy: Option<CopyWay>,
    /// Whether it may answer with rows.
    pub returns_rows: bool,
}

/// How a statement controls a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transaction {
    /// BEGIN or START TRANSACTION.
    Begin,
    /// COMMIT or END.
    Commit,
    /// ROLLBACK or ABORT.
    Rollback,
    /// SAVEPOINT, with its name.
    Savepoint(String),
    /// RELEASE, with the savepoint's name.
    Release(String),
    /// ROLLBACK TO, with the savepoint's name.
    RollbackTo(String),
    /// PREPARE TRANSACTION: this session's transaction ends.
    Prepare,
    /// COMMIT PREPARED.
    CommitPrepared,
    /// ROLLBACK PREPARED.
    RollbackPrepared,
}

/// A parameter of the session that is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name in lower case: `client_encoding`, `search_path`, `role`, `session_authorization`;
    /// `all` for RESET ALL and DISCARD ALL; empty when it is only known when the statement runs.
    pub name: String,
    /// To what.
    pub to: To,
    /// Whether only until the transaction ends.
    pub local: bool,
}

/// What a parameter is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// This text; items of a list are joined by `, `.
    Value(String),
    /// What it was when the session began.
    Default,
    /// What is only known when the statement runs.
    Unknown,
}

/// What a statement does with prepared statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prepared {
    /// PREPARE of this name.
    Prepare(String),
    /// EXECUTE of this name.
    Execute(String),
    /// DEALLOCATE of this name.
    Deallocate(String),
    /// DEALLOCATE ALL or DISCARD ALL.
    DeallocateAll,
}

/// Where the rows of a COPY go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyWay {
    /// COPY … FROM STDIN: the client sends rows.
    FromClient,
    /// COPY … TO STDOUT: the client gets rows.
    ToClient,
}
