//! Finds out what of a statement's answer may be seen, before it is sent: the statement's lineage
//! out of its database's own tree, for sessions in which columns are masked. In others it does
//! nothing at all.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use node_enforce::mask::MaskPlan;
use node_enforce::sql::lineage::{self, Catalog, Exposes, Lineage, Step, What};
use node_enforce::sql::{self, Handling, Options, Prepared};
use node_session::{Over, Session};
use proto::refusal::{Code, Told};
use proto::target::Target;

use super::back::Opening;
use super::catalog;
use super::node::Node;
use super::serve::Served;
use super::side::{NoAnswer, Side};
use crate::conversation::Conversation;
use crate::surroundings::Lookup;
use crate::veil::Sight;

/// How long a catalog is believed before it is asked whether anything was defined elsewhere.
const BELIEVED: Duration = Duration::from_secs(1);
/// How many statements' lineages are kept, and of how many bytes of text.
const KEPT: usize = 1024;
const KEPT_BYTES: usize = 1024 * 1024;

/// What a connection knows of its database.
pub(super) struct Lens {
    /// The database that the session is with.
    database: String,
    side: Option<Side>,
    known: Option<Known>,
}

struct Known {
    plan: Arc<MaskPlan>,
    version: String,
    catalog: Arc<Catalog>,
    /// When, and after how many definitions of this node's sessions, that was so.
    at: Duration,
    definitions: u64,
    steps: HashMap<Box<str>, Result<Arc<[Step]>, Exposes>>,
    kept: HashMap<Question, Result<Lineage, Exposes>>,
    kept_bytes: usize,
}

impl Known {
    /// Makes room for something of so many bytes; whether it is to be kept.
    fn has_room(&mut self, bytes: usize) -> bool {
        let count = self.kept.len().max(self.steps.len());
        if count >= KEPT || self.kept_bytes + bytes > KEPT_BYTES {
            self.kept.clear();
            self.steps.clear();
            self.kept_bytes = 0;
        }
        self.kept_bytes += bytes;
        bytes <= KEPT_BYTES
    }
}

/// What is asked about a query.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Question {
    query: String,
    types: Arc<[u8]>,
    lookup: Lookup,
}

impl Lens {
    pub(super) fn new(database: String) -> Self {
        Self { database, side: None, known: None }
    }

    /// The catalog as it is now, with the masks that apply.
    async fn catalog(&mut self, node: &Arc<Node>, facing: &Facing) -> Result<Arc<Catalog>, Told> {
        let (plan, now) = (&facing.plan, node.sessions.ports().clock.elapsed());
        let definitions = node.definitions();
        if let Some(known) = self.known.as_ref().filter(|known| Arc::ptr_eq(&known.plan, plan))
            && self.side.is_some()
            && known.definitions == definitions
            && now.saturating_sub(known.at) < BELIEVED
        {
            return Ok(known.catalog.clone());
        }
        let mut side = match self.side.take() {
            Some(side) => side,
            None => open(node, facing, &self.database).await?,
        };
        // Whatever is lost on the way is made anew the next time.
        let known = self.known.take().filter(|known| Arc::ptr_eq(&known.plan, plan));
        let known = known_now(&mut side, plan, known).await.map_err(|error| error.told())?;
        let known = self.known.insert(Known { at: now, definitions, ..known });
        self.side = Some(side);
        Ok(known.catalog.clone())
    }

    /// The lineage of a query; none when the server does not say.
    async fn lineage(
        &mut self,
        catalog: &Catalog,
        question: Question,
    ) -> Result<Option<Result<Lineage, Exposes>>, Told> {
        let known = self.known.as_ref();
        if let Some(lineage) = known.and_then(|known| known.kept.get(&question)) {
            return Ok(Some(lineage.clone()));
        }
        let Some(mut side) = self.side.take() else { return Ok(None) };
        let tree = match side.tree(&question.query, &question.types, &question.lookup).await {
            Ok(tree) => tree,
            Err(NoAnswer::Refused) => {
                self.side = Some(side);
                return Ok(None);
            }
            Err(lost) => {
                self.known = None;
                return Err(lost.told());
            }
        };
        self.side = Some(side);
        let lineage = match lineage::trace(&tree, catalog) {
            Ok(lineage) => lineage,
            Err(why) => {
                tracing::debug!(%why, "a statement's tree is not understood");
                return Ok(None);
            }
        };
        if let Some(known) = &mut self.known
            && known.has_room(question.query.len())
        {
            known.kept.insert(question, lineage.clone());
        }
        Ok(Some(lineage))
    }

    /// What each statement of a text is.
    fn steps(&mut self, catalog: &Catalog, text: &str) -> Result<Arc<[Step]>, Told> {
        let Some(known) = &mut self.known else {
            return lineage::steps(text, catalog).map(Into::into).map_err(exposed);
        };
        let steps = match known.steps.get(text) {
            Some(steps) => steps.clone(),
            None => {
                let steps: Result<Arc<[Step]>, _> = lineage::steps(text, catalog).map(Into::into);
                if known.has_room(text.len()) {
                    known.steps.insert(text.into(), steps.clone());
                }
                steps
            }
        };
        steps.map_err(exposed)
    }
}

/// What is known of a database now: what was known before, when nothing was defined since.
async fn known_now(
    side: &mut Side,
    plan: &Arc<MaskPlan>,
    before: Option<Known>,
) -> Result<Known, NoAnswer> {
    let version = catalog::version(side).await?;
    if let Some(known) = before.filter(|known| known.version == version) {
        return Ok(known);
    }
    Ok(Known {
        plan: plan.clone(),
        version,
        catalog: Arc::new(catalog::load(side, plan.columns()).await?),
        at: Duration::ZERO,
        definitions: 0,
        steps: HashMap::new(),
        kept: HashMap::new(),
        kept_bytes: 0,
    })
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
    let catalog = lens.catalog(node, facing).await?;
    let steps = lens.steps(&catalog, text)?;
    let script = sql::read(text, Options::default());
    let (mut lookup, is_settled) = (talk.lookup(), talk.is_settled());
    let mut sights = Vec::with_capacity(steps.len());
    for (step, handling) in steps.iter().zip(&script.handling) {
        let lineage = match &step.what {
            What::Known(lineage) => lineage.clone(),
            What::Executes(name) => executed(talk, lens, &catalog, name, lookup.as_ref()).await?,
            What::Rows(query) => {
                let question = (query.as_str(), types.clone());
                seen(talk, lens, &catalog, (step, lookup.as_ref()), question).await?
            }
            What::Copied(query, _)
            | What::Cursor(query, _)
            | What::Prepares(query, _)
            | What::Plan(query)
            | What::Kept(query) => {
                let question = (query.as_str(), Arc::default());
                seen(talk, lens, &catalog, (step, lookup.as_ref()), question).await?
            }
        };
        talk.veil.surroundings.defines(step, lookup.as_ref());
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

/// The lineage of one statement with a query in it.
async fn seen(
    talk: &Conversation,
    lens: &mut Lens,
    catalog: &Catalog,
    (step, lookup): (&Step, Option<&Lookup>),
    (query, types): (&str, Arc<[u8]>),
) -> Result<Lineage, Told> {
    let surroundings = &talk.veil.surroundings;
    let is_own = |parts: &[String]| surroundings.is_own(parts, lookup);
    let is_shared = surroundings.are_shared() && !step.relations().iter().any(|name| is_own(name));
    if let Some(lookup) = lookup.filter(|_| is_shared) {
        let question = Question { query: query.to_owned(), types, lookup: lookup.clone() };
        match lens.lineage(catalog, question).await? {
            Some(Ok(lineage)) => return step.of(lineage).map_err(exposed),
            Some(Err(why)) => return Err(exposed(why)),
            None => {}
        }
    }
    step.unseen(catalog, &is_own).map_err(exposed)
}

/// The lineage of what was prepared under a name, by SQL or by the protocol.
async fn executed(
    talk: &Conversation,
    lens: &mut Lens,
    catalog: &Catalog,
    name: &str,
    lookup: Option<&Lookup>,
) -> Result<Lineage, Told> {
    const UNKNOWN: Exposes = Exposes("it runs a prepared statement that is not known");
    let by_protocol = || {
        let statement = talk.statement(name.as_bytes())?;
        let text = std::str::from_utf8(&statement.text).ok()?;
        Some((Arc::from(text), statement.types.clone()))
    };
    let by_sql = || Some((talk.veil.prepared(name)?, Arc::default()));
    let (text, types): (Arc<str>, Arc<[u8]>) =
        by_sql().or_else(by_protocol).ok_or_else(|| exposed(UNKNOWN))?;
    let steps = lens.steps(catalog, &text)?;
    match &steps[..] {
        [step] => match &step.what {
            What::Rows(query) => {
                seen(talk, lens, catalog, (step, lookup), (query.as_str(), types)).await
            }
            _ => Err(exposed(UNKNOWN)),
        },
        _ => Err(exposed(UNKNOWN)),
    }
}
