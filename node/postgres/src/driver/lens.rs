//! Finds out what of a statement's answer may be seen, before it is sent: the statement's lineage
//! out of its database's own tree, for sessions in which columns are masked. In others it does
//! nothing at all.

use std::sync::Arc;

use node_enforce::mask::MaskPlan;
use node_enforce::sql::lineage::{self, Exposes, Lineage, Step, What};
use node_enforce::sql::{self, Handling, Options, Prepared};
use node_session::{Over, Session};
use proto::refusal::{Code, Told};
use proto::target::Target;

use super::back::Opening;
use super::catalog;
use super::node::Node;
use super::serve::Served;
use super::shelf::{Known, Question, Shelf};
use super::side::{NoAnswer, Side};
use crate::conversation::Conversation;
use crate::surroundings::Lookup;
use crate::veil::Sight;

/// A connection's way to ask about its database.
pub(super) struct Lens {
    /// The database that the session is with.
    database: String,
    side: Option<Side>,
    shelf: Option<Arc<Shelf>>,
}

impl Lens {
    pub(super) fn new(database: String) -> Self {
        Self { database, side: None, shelf: None }
    }

    /// The database as it is now, with the masks that apply.
    async fn known(&mut self, node: &Arc<Node>, facing: &Facing) -> Result<Arc<Known>, Told> {
        let Facing { plan, target, role, .. } = facing;
        let (now, definitions) = (node.sessions.ports().clock.elapsed(), node.definitions());
        let place = (self.database.as_str(), role.as_str());
        let shelf = match self.shelf.take().filter(|shelf| shelf.is_of(target, place, plan)) {
            Some(shelf) => shelf,
            None => node.shelves.of(target, place, plan),
        };
        let shelf = self.shelf.insert(shelf).clone();
        if let Some(known) = shelf.believed(now, definitions) {
            return Ok(known);
        }
        // A side connection that is lost on the way is made anew the next time.
        let mut side = self.side(node, facing).await?;
        let known = known_now(&mut side, plan, shelf.last()).await.map_err(|error| error.told())?;
        shelf.put(known.clone(), now, definitions);
        self.side = Some(side);
        Ok(known)
    }

    async fn side(&mut self, node: &Arc<Node>, facing: &Facing) -> Result<Side, Told> {
        match self.side.take() {
            Some(side) => Ok(side),
            None => open(node, facing, &self.database).await,
        }
    }
}

/// What is known of a database now: what was known before, when nothing was defined since.
async fn known_now(
    side: &mut Side,
    plan: &Arc<MaskPlan>,
    before: Option<Arc<Known>>,
) -> Result<Arc<Known>, NoAnswer> {
    let version = catalog::version(side).await?;
    if let Some(known) = before.filter(|known| known.version == version) {
        return Ok(known);
    }
    let catalog = catalog::load(side, plan.columns()).await?;
    Ok(Arc::new(Known::new(version, catalog)))
}

/// What of a session is asked about.
struct Facing {
    plan: Arc<MaskPlan>,
    target: Arc<Target>,
    role: String,
    application: String,
}

impl Facing {
    fn of(session: &Session) -> Self {
        Self {
            plan: session.masks().clone(),
            target: session.target().clone(),
            role: session.login().to_owned(),
            application: format!("sallyport {} columns", session.id()),
        }
    }
}

async fn open(node: &Arc<Node>, facing: &Facing, database: &str) -> Result<Side, Told> {
    let Facing { target, role, application, .. } = facing;
    Side::open(node, target, &Opening { role, database, application, settings: &[] }).await
}

impl Served {
    /// Finds out what of the answer to a text may be seen; nothing is sent of it before.
    ///
    /// # Errors
    /// What the client is told: the text must not be sent.
    pub(super) async fn look(
        &mut self,
        text: &[u8],
        types: Arc<[u8]>,
    ) -> Result<Arc<[Sight]>, Told> {
        let Self { node, session, talk, lens, .. } = self;
        talk.veil.drawn = !session.masks().columns().is_empty();
        if std::mem::take(&mut talk.veil.defined) {
            node.defined();
        }
        if !talk.veil.drawn {
            talk.veil.surroundings.unwatched();
            return Ok(Arc::default());
        }
        let text = std::str::from_utf8(text).map_err(|_| exposed(UNREAD))?;
        let facing = Facing::of(session);
        let looked = session.meanwhile(look(node, &facing, talk, lens, text, types)).await;
        looked.map_err(|Over(told)| told)?
    }
}

const UNREAD: Exposes = Exposes("it is not UTF-8");

fn exposed(why: Exposes) -> Told {
    let text = format!("The statement could show or carry away a masked column: {why}.");
    Told::new(Code::ColumnsExposed, text)
}

async fn look(
    node: &Arc<Node>,
    facing: &Facing,
    talk: &mut Conversation,
    lens: &mut Lens,
    text: &str,
    types: Arc<[u8]>,
) -> Result<Arc<[Sight]>, Told> {
    let known = lens.known(node, facing).await?;
    let steps = known.steps(text).map_err(exposed)?;
    let script = sql::read(text, Options::default());
    let (mut lookup, is_settled) = (talk.lookup(), talk.is_settled());
    let mut looking = Looking { node, facing, talk, lens, known };
    let mut sights = Vec::with_capacity(steps.len());
    for (step, handling) in steps.iter().zip(&script.handling) {
        let lineage = match &step.what {
            What::Known(lineage) => lineage.clone(),
            What::Executes(name) => looking.executed(name, lookup.as_ref()).await?,
            What::Rows(query) => {
                let question = (query.as_str(), types.clone());
                looking.seen(step, lookup.as_ref(), question).await?
            }
            What::Copied(query, _)
            | What::Cursor(query, _)
            | What::Prepares(query, _)
            | What::Plan(query)
            | What::Kept(query) => {
                let question = (query.as_str(), Arc::default());
                looking.seen(step, lookup.as_ref(), question).await?
            }
        };
        looking.talk.veil.surroundings.defines(step, lookup.as_ref());
        // What stands behind it in the same text is looked at before it is done.
        lookup = lookup.filter(|_| leaves_names(handling, is_settled));
        let (mut cursor, mut prepares) = (None, None);
        match &step.what {
            What::Cursor(_, name) => cursor = Some(name.clone()),
            What::Prepares(query, name) => prepares = Some((name.clone(), query.as_str().into())),
            _ => {}
        }
        sights.push(Sight { lineage, cursor, prepares });
    }
    Ok(sights.into())
}

/// Whether names are surely looked up behind a statement as they were before it.
fn leaves_names(handling: &Handling, is_settled: bool) -> bool {
    let runs_another = matches!(handling.prepared, Some(Prepared::Execute(_)));
    let undoes = handling.transaction.is_some() && !is_settled;
    handling.settings.is_empty() && !undoes && !runs_another
}

/// One look at a text: by what is known of the database at its beginning, to its end.
struct Looking<'a> {
    node: &'a Arc<Node>,
    facing: &'a Facing,
    talk: &'a mut Conversation,
    lens: &'a mut Lens,
    known: Arc<Known>,
}

impl Looking<'_> {
    /// The lineage of one statement with a query in it.
    async fn seen(
        &mut self,
        step: &Step,
        lookup: Option<&Lookup>,
        (query, types): (&str, Arc<[u8]>),
    ) -> Result<Lineage, Told> {
        let surroundings = &self.talk.veil.surroundings;
        let is_own = |parts: &[String]| surroundings.is_own(parts, lookup);
        let is_shared =
            surroundings.are_shared() && !step.relations().iter().any(|name| is_own(name));
        if let Some(lookup) = lookup.filter(|_| is_shared) {
            let question = Question { query: query.to_owned(), types, lookup: lookup.clone() };
            match self.lineage(question).await? {
                Some(Ok(lineage)) => return step.of(lineage).map_err(exposed),
                Some(Err(why)) => return Err(exposed(why)),
                None => {}
            }
        }
        let surroundings = &self.talk.veil.surroundings;
        let is_own = |parts: &[String]| surroundings.is_own(parts, lookup);
        step.unseen(&self.known.catalog, &is_own).map_err(exposed)
    }

    /// The lineage of what was prepared under a name, by SQL or by the protocol.
    async fn executed(&mut self, name: &str, lookup: Option<&Lookup>) -> Result<Lineage, Told> {
        const UNKNOWN: Exposes = Exposes("it runs a prepared statement that is not known");
        let by_protocol = || {
            let statement = self.talk.statement(name.as_bytes())?;
            let text = std::str::from_utf8(&statement.text).ok()?;
            Some((Arc::from(text), statement.types.clone()))
        };
        let by_sql = || Some((self.talk.veil.prepared(name)?, Arc::default()));
        let (text, types): (Arc<str>, Arc<[u8]>) =
            by_sql().or_else(by_protocol).ok_or_else(|| exposed(UNKNOWN))?;
        let steps = self.known.steps(&text).map_err(exposed)?;
        match &steps[..] {
            [step] => match &step.what {
                What::Rows(query) => self.seen(step, lookup, (query.as_str(), types)).await,
                _ => Err(exposed(UNKNOWN)),
            },
            _ => Err(exposed(UNKNOWN)),
        }
    }

    /// The lineage of a query; none when the server does not say.
    async fn lineage(
        &mut self,
        question: Question,
    ) -> Result<Option<Result<Lineage, Exposes>>, Told> {
        if let Some(lineage) = self.known.lineage(&question) {
            return Ok(Some(lineage));
        }
        let mut side = self.lens.side(self.node, self.facing).await?;
        let asked = side.tree(&question.query, &question.types, &question.lookup).await;
        let tree = match asked {
            Ok(tree) => tree,
            Err(NoAnswer::Refused) => {
                self.lens.side = Some(side);
                return Ok(None);
            }
            // The connection is gone with it.
            Err(lost) => return Err(lost.told()),
        };
        self.lens.side = Some(side);
        let lineage = match lineage::trace(&tree, &self.known.catalog) {
            Ok(lineage) => lineage,
            Err(why) => {
                tracing::debug!(%why, "a statement's tree is not understood");
                return Ok(None);
            }
        };
        self.known.keep(question, lineage.clone());
        Ok(Some(lineage))
    }
}
