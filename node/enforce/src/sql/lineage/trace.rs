//! Where what a query gives comes from, through its tree.
//!
//! A column is traced through subqueries, common table expressions, joins and unions. Whatever is
//! not known by name is walked into, and what is in it counts: a node that nobody thought of makes
//! more be hidden, never less.

use std::collections::{BTreeSet, HashMap};

use super::catalog::{Catalog, Mask, Sight};
use super::nodes::Node;
use super::taint::Taint;

/// How deep queries and expressions may lead into each other.
pub(super) const DEPTH_LIMIT: usize = 150;
/// How many steps a trace may take.
pub(super) const STEP_LIMIT: usize = 2_000_000;

/// `CmdType` of the server: what is below it are queries.
const UTILITY: i64 = 6;

/// One column that a query gives.
#[derive(Clone, Debug, Default)]
pub(super) struct Given {
    pub(super) taint: Taint,
    /// Its type, where it is a column.
    pub(super) kind: u32,
    /// The table and column that the server will name for it.
    pub(super) origin: (u32, i16),
}

/// What became of a whole statement.
#[derive(Debug, Default)]
pub(super) struct Traced {
    pub(super) given: Vec<Given>,
    /// Masked columns that are read anywhere.
    pub(super) touched: BTreeSet<Mask>,
    /// Masked columns by which rows are chosen, ordered or grouped.
    pub(super) asked: BTreeSet<Mask>,
    /// Whether a function is called that cannot be seen into.
    pub(super) opaque: bool,
    /// Why a masked value would be kept somewhere else.
    pub(super) carried: Option<&'static str>,
}

/// The queries around a place, the outermost first.
pub(super) type Stack<'t> = Vec<&'t Node>;

pub(super) struct Trace<'t> {
    pub(super) catalog: &'t Catalog,
    known: HashMap<(*const Node, usize), Option<Taint>>,
    pub(super) depth: usize,
    pub(super) steps: usize,
    /// It was given up: nothing that was found out counts.
    pub(super) lost: bool,
    pub(super) out: Traced,
}

impl<'t> Trace<'t> {
    pub(super) fn new(catalog: &'t Catalog) -> Self {
        let (known, out) = (HashMap::new(), Traced::default());
        Self { catalog, known, depth: 0, steps: 0, lost: false, out }
    }

    /// Traces the queries that a statement was rewritten into; nothing when it is no query.
    pub(super) fn statement(mut self, tree: &'t Node) -> Option<Traced> {
        let queries = tree.list();
        let is_query = |query: &Node| {
            query.kind() == "QUERY"
                && query.number("commandType").is_some_and(|kind| kind < UTILITY)
        };
        if queries.is_empty() || !queries.iter().all(is_query) {
            return None;
        }
        for query in queries {
            self.visit(query, &mut Vec::new());
        }
        // Rules may make several of one; the one that answers for it is marked.
        let mut answers = queries.iter().filter(|query| query.is_true("canSetTag"));
        if let Some(query) = answers.next() {
            self.out.given = self.gives(query, &mut Vec::new());
        }
        (answers.next().is_none() && !self.lost).then_some(self.out)
    }

    fn gives(&mut self, query: &'t Node, stack: &mut Stack<'t>) -> Vec<Given> {
        let each: Vec<_> = targets(query).iter().filter(|one| !one.is_true("resjunk")).collect();
        let mut given = Vec::with_capacity(each.len());
        for (at, target) in each.into_iter().enumerate() {
            let taint = self.output(query, at + 1, stack);
            given.push(Given {
                kind: kind_of(target.get("expr")),
                origin: (
                    u32::try_from(target.number("resorigtbl").unwrap_or(0)).unwrap_or(0),
                    i16::try_from(target.number("resorigcol").unwrap_or(0)).unwrap_or(0),
                ),
                taint,
            });
        }
        given
    }

    /// Goes on one level deeper; what is too deep or takes too long is given up.
    pub(super) fn deeper(&mut self, step: impl FnOnce(&mut Self) -> Taint) -> Taint {
        (self.depth, self.steps) = (self.depth + 1, self.steps + 1);
        let taint = if self.depth > DEPTH_LIMIT || self.steps > STEP_LIMIT {
            self.lost = true;
            Taint::unknown()
        } else {
            step(self)
        };
        self.depth -= 1;
        taint
    }

    /// A column that a query gives, by its number from 1.
    fn output(&mut self, query: &'t Node, number: usize, stack: &mut Stack<'t>) -> Taint {
        let key = (std::ptr::from_ref(query), number);
        match self.known.get(&key) {
            Some(Some(taint)) => return taint.clone(),
            // It leads back to itself: what it is made of is found on the way that is under way.
            Some(None) => return Taint::default(),
            None => {}
        }
        self.known.insert(key, None);
        stack.push(query);
        let taint = self.deeper(|trace| {
            if query.get("setOperations").is_there() {
                return trace.united(query, query.get("setOperations"), number, stack);
            }
            let mut shown = targets(query).iter().filter(|one| !one.is_true("resjunk"));
            match shown.nth(number.saturating_sub(1)) {
                Some(target) => trace.expression(target.get("expr"), stack),
                None => Taint::unknown(),
            }
        });
        stack.pop();
        self.known.insert(key, Some(taint.clone()));
        taint
    }

    fn united(
        &mut self,
        query: &'t Node,
        part: &'t Node,
        number: usize,
        stack: &mut Stack<'t>,
    ) -> Taint {
        match part.kind() {
            "SETOPERATIONSTMT" => {
                let left = self.deeper(|it| it.united(query, part.get("larg"), number, stack));
                let right = self.deeper(|it| it.united(query, part.get("rarg"), number, stack));
                left.or(right)
            }
            "RANGETBLREF" => {
                let leaf = part.number("rtindex").and_then(|index| entry(query, index));
                match leaf.map(|leaf| leaf.get("subquery")) {
                    Some(leaf) if leaf.is_there() => self.output(leaf, number, stack),
                    _ => Taint::unknown(),
                }
            }
            _ => Taint::unknown(),
        }
    }

    /// All that a query gives, taken together.
    fn outputs(&mut self, query: &'t Node, stack: &mut Stack<'t>) -> Taint {
        let count = targets(query).iter().filter(|one| !one.is_true("resjunk")).count();
        let mut all = Taint::default();
        for number in 1..=count {
            let one = self.output(query, number, stack);
            all.add(one);
        }
        all
    }

    pub(super) fn expression(&mut self, node: &'t Node, stack: &mut Stack<'t>) -> Taint {
        self.deeper(|trace| match node.kind() {
            "VAR" => trace.variable(node, stack),
            // A cast that changes nothing of the bytes.
            "RELABELTYPE" => trace.expression(node.get("arg"), stack),
            "FIELDSELECT" => trace.field(node, stack),
            "QUERY" => trace.outputs(node, stack),
            _ => {
                let mut taint = Taint::default();
                for child in node.children() {
                    let inner = trace.expression(child, stack);
                    taint.add(inner);
                }
                taint.opaque |= matches!(called(trace.catalog, node), Some(Sight::Opaque { .. }));
                taint
            }
        })
    }

    /// One field of a whole row.
    fn field(&mut self, node: &'t Node, stack: &mut Stack<'t>) -> Taint {
        let of = node.get("arg");
        let is_row = of.kind() == "VAR" && of.number("varattno") == Some(0);
        match node.number("fieldnum") {
            Some(number) if is_row && number > 0 => self.column(of, number, stack),
            _ => {
                let mut taint = Taint::default();
                let inner = self.expression(of, stack);
                taint.add(inner);
                taint
            }
        }
    }

    fn variable(&mut self, node: &'t Node, stack: &mut Stack<'t>) -> Taint {
        match node.number("varattno") {
            Some(number) => self.column(node, number, stack),
            None => Taint::unknown(),
        }
    }

    /// A column of what a variable is of; 0 is the whole row, less is the server's own.
    fn column(&mut self, node: &'t Node, number: i64, stack: &mut Stack<'t>) -> Taint {
        let up = node.number("varlevelsup").and_then(|up| usize::try_from(up).ok());
        let level = up.and_then(|up| stack.len().checked_sub(up + 1));
        let Some(level) = level else { return Taint::unknown() };
        let query = stack[level];
        let Some(entry) = node.number("varno").and_then(|index| entry(query, index)) else {
            return Taint::unknown();
        };
        // What is inside is seen from where its query stands.
        let inner: Stack<'t> = stack[..=level].to_vec();
        self.of_entry(entry, number, inner)
    }

    fn of_entry(&mut self, entry: &'t Node, number: i64, mut stack: Stack<'t>) -> Taint {
        let Ok(column) = i16::try_from(number) else { return Taint::unknown() };
        let at = usize::try_from(number).unwrap_or(0);
        match entry.number("rtekind") {
            Some(0) => self.of_relation(entry, column),
            Some(1) => self.of_subquery(entry, column, &mut stack),
            Some(2) => self.item(entry.get("joinaliasvars"), at, &mut stack),
            Some(3) => self.whole(entry.get("functions"), &mut stack),
            Some(4) => self.whole(entry.get("tablefunc"), &mut stack),
            Some(5) => {
                let mut taint = Taint::default();
                for row in entry.get("values_lists").list() {
                    let one = self.item(row, at, &mut stack);
                    taint.add(one);
                }
                taint
            }
            Some(6) => self.of_common(entry, at, stack),
            Some(8) => Taint::default(),
            Some(9) => self.item(entry.get("groupexprs"), at, &mut stack),
            _ => Taint::unknown(),
        }
    }

    /// A column of a subquery; when it is a view's, that may be masked itself.
    fn of_subquery(&mut self, entry: &'t Node, column: i16, stack: &mut Stack<'t>) -> Taint {
        let query = entry.get("subquery");
        let Ok(at) = usize::try_from(column) else { return Taint::default() };
        let mut taint = self.of_query(query, at, stack);
        let Some(view) = view(entry) else { return taint };
        match self.catalog.mask(view, column) {
            Some(mask) => {
                let same = taint.from.iter().all(|from| *from == mask);
                taint.from.insert(mask);
                taint.is = Some(mask).filter(|_| same);
            }
            None if column == 0 => taint.add(Taint::of(self.catalog.masks(view))),
            None => {}
        }
        taint
    }

    fn of_relation(&mut self, entry: &'t Node, column: i16) -> Taint {
        let Some(relation) = relation(entry).filter(|one| self.catalog.knows(*one)) else {
            return Taint::unknown();
        };
        match entry.get("relkind").word() {
            "v" => return Taint::of(self.catalog.view(relation).into_iter().collect()),
            // Long values, apart from their rows.
            "t" => return Taint::unknown(),
            _ => {}
        }
        match column {
            0 => Taint::of(self.catalog.masks(relation)),
            1.. => self.catalog.mask(relation, column).map(Taint::column).unwrap_or_default(),
            _ => Taint::default(),
        }
    }

    fn of_query(&mut self, query: &'t Node, number: usize, stack: &mut Stack<'t>) -> Taint {
        match (query.kind(), number) {
            ("QUERY", 0) => self.outputs(query, stack),
            ("QUERY", number) => self.output(query, number, stack),
            _ => Taint::unknown(),
        }
    }

    /// An item of a list, by its number from 1; 0 is all of them.
    fn item(&mut self, list: &'t Node, number: usize, stack: &mut Stack<'t>) -> Taint {
        match number.checked_sub(1) {
            Some(at) => match list.list().get(at) {
                Some(item) => self.expression(item, stack),
                None => Taint::unknown(),
            },
            None => self.whole(list, stack),
        }
    }

    pub(super) fn whole(&mut self, node: &'t Node, stack: &mut Stack<'t>) -> Taint {
        let mut taint = Taint::default();
        let inner = self.expression(node, stack);
        taint.add(inner);
        taint
    }

    fn of_common(&mut self, entry: &'t Node, number: usize, mut stack: Stack<'t>) -> Taint {
        let up = entry.number("ctelevelsup").and_then(|up| usize::try_from(up).ok());
        let Some(level) = up.and_then(|up| stack.len().checked_sub(up + 1)) else {
            return Taint::unknown();
        };
        stack.truncate(level + 1);
        let name = entry.get("ctename").word();
        let mut named = stack[level].get("cteList").list().iter();
        let Some(common) = named.find(|one| one.get("ctename").word() == name) else {
            return Taint::unknown();
        };
        let query = common.get("ctequery");
        if common.is_true("cterecursive") {
            // It goes round: each of its columns may become each other.
            let mut taint = self.of_query(query, 0, &mut stack);
            taint.is = None;
            return taint;
        }
        self.of_query(query, number, &mut stack)
    }
}

/// What a query gives: of one that changes rows, what it returns.
fn targets(query: &Node) -> &[Node] {
    match query.number("commandType") {
        Some(1) => query.get("targetList").list(),
        _ => query.get("returningList").list(),
    }
}

pub(super) fn entry(query: &Node, index: i64) -> Option<&Node> {
    let at = usize::try_from(index).ok()?.checked_sub(1)?;
    query.get("rtable").list().get(at)
}

pub(super) fn relation(entry: &Node) -> Option<u32> {
    entry.number("relid").and_then(|oid| u32::try_from(oid).ok())
}

/// The view that a subquery is of: newer servers say it, older ones keep what stands for its rows.
fn view(entry: &Node) -> Option<u32> {
    let said = relation(entry).filter(|oid| *oid != 0);
    let is_view =
        |one: &&Node| one.number("rtekind") == Some(0) && one.get("relkind").word() == "v";
    let kept = || entry.get("subquery").get("rtable").list().iter().find(is_view);
    said.or_else(|| kept().and_then(relation))
}

fn kind_of(expression: &Node) -> u32 {
    let field = match expression.kind() {
        "VAR" => "vartype",
        "RELABELTYPE" | "FIELDSELECT" => "resulttype",
        _ => return 0,
    };
    expression.number(field).and_then(|oid| u32::try_from(oid).ok()).unwrap_or(0)
}

/// What a node calls, if it calls anything.
pub(super) fn called(catalog: &Catalog, node: &Node) -> Option<Sight> {
    let Node::Kind(_, fields) = node else { return None };
    let mut sight = None;
    for (name, value) in fields {
        let Ok(oid) = value.word().parse::<u32>() else { continue };
        let one = match &**name {
            "funcid" | "aggfnoid" | "winfnoid" => catalog.function(oid),
            "opno" => catalog.operator(oid),
            _ => continue,
        };
        sight = Some(match (sight, one) {
            (Some(Sight::Opaque { acts: true }), _) => Sight::Opaque { acts: true },
            (_, one) => one,
        });
    }
    sight
}
