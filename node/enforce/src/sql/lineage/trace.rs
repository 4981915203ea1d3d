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
const DEPTH_LIMIT: usize = 150;
/// How many steps a trace may take.
const STEP_LIMIT: usize = 2_000_000;

// `CmdType` of the server; a SELECT is 1.
const UPDATE: i64 = 2;
const INSERT: i64 = 3;
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

const WRITES: &str = "it would write values of a masked column into another one";
const GIVES: &str =
    "it gives what may be values of a masked column to a function that may keep them";

/// The queries around a place, the outermost first.
type Stack<'t> = Vec<&'t Node>;

pub(super) struct Trace<'t> {
    catalog: &'t Catalog,
    known: HashMap<(*const Node, usize), Option<Taint>>,
    depth: usize,
    steps: usize,
    /// It was given up: nothing that was found out counts.
    pub(super) lost: bool,
    out: Traced,
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
    fn deeper(&mut self, step: impl FnOnce(&mut Self) -> Taint) -> Taint {
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

    fn expression(&mut self, node: &'t Node, stack: &mut Stack<'t>) -> Taint {
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

    fn whole(&mut self, node: &'t Node, stack: &mut Stack<'t>) -> Taint {
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

    // What a statement does besides giving columns.

    /// Looks at everything in a query: what it reads, asks, calls and writes.
    fn visit(&mut self, node: &'t Node, stack: &mut Stack<'t>) {
        self.steps += 1;
        if stack.len() > DEPTH_LIMIT || self.steps > STEP_LIMIT || self.depth > 2 * DEPTH_LIMIT {
            self.lost = true;
            return;
        }
        self.depth += 1;
        match node.kind() {
            "QUERY" => {
                stack.push(node);
                self.asks(node, stack);
                self.writes(node, stack);
                self.visit_all(node, stack);
                stack.pop();
            }
            "VAR" => self.reads(node, stack),
            kind => {
                if let Some(sight) = called(self.catalog, node) {
                    self.calls(node, sight, stack);
                }
                if kind == "MERGEACTION" {
                    self.merges(node, stack);
                }
                self.visit_all(node, stack);
            }
        }
        self.depth -= 1;
    }

    fn visit_all(&mut self, node: &'t Node, stack: &mut Stack<'t>) {
        let Node::Node(_, fields) = node else {
            node.children().for_each(|child| self.visit(child, stack));
            return;
        };
        for (name, value) in fields {
            // The target's own rules on rows; and what joins name whether it is read or not.
            if !matches!(&**name, "securityQuals" | "withCheckOptions" | "joinaliasvars") {
                self.visit(value, stack);
            }
        }
    }

    fn reads(&mut self, node: &'t Node, stack: &mut Stack<'t>) {
        let taint = self.expression(node, stack);
        self.out.touched.extend(taint.from);
        self.out.opaque |= taint.opaque;
    }

    fn calls(&mut self, node: &'t Node, sight: Sight, stack: &mut Stack<'t>) {
        let acts = match sight {
            Sight::Pure => return,
            Sight::Acts => true,
            Sight::Opaque { acts } => {
                self.out.opaque = true;
                acts
            }
        };
        let mut given = Taint::default();
        for child in node.children() {
            let one = self.expression(child, stack);
            given.add(one);
        }
        if acts && !given.is_clean() {
            self.out.carried = Some(GIVES);
        }
    }

    /// What rows are chosen, ordered and grouped by.
    fn asks(&mut self, query: &'t Node, stack: &mut Stack<'t>) {
        const BY: [&str; 7] = [
            "jointree",
            "havingQual",
            "limitOffset",
            "limitCount",
            "onConflict",
            "mergeActionList",
            "mergeJoinCondition",
        ];
        for part in BY {
            let taint = self.conditions(query.get(part), stack);
            self.out.asked.extend(taint.from);
        }
        let mut referred: BTreeSet<i64> = BTreeSet::new();
        for part in ["sortClause", "groupClause", "distinctClause", "windowClause"] {
            references(query.get(part), &mut referred);
        }
        for target in query.get("targetList").list() {
            let reference = target.number("ressortgroupref").unwrap_or(0);
            if reference != 0 && referred.contains(&reference) {
                let taint = self.expression(target.get("expr"), stack);
                self.out.asked.extend(taint.from);
            }
        }
    }

    /// What is in the conditions below a node.
    fn conditions(&mut self, node: &'t Node, stack: &mut Stack<'t>) -> Taint {
        // What joins are made of leads to their conditions; what is written is no condition.
        let parts: &[&str] = match node.kind() {
            "FROMEXPR" => &["fromlist", "quals"],
            "JOINEXPR" => &["larg", "rarg", "quals"],
            "ONCONFLICTEXPR" => &["arbiterElems", "arbiterWhere", "onConflictWhere"],
            "MERGEACTION" => &["qual"],
            "" if !node.list().is_empty() => &[],
            _ => return self.whole(node, stack),
        };
        self.deeper(|trace| {
            let mut taint = Taint::default();
            let fields = parts.iter().map(|part| node.get(part));
            for part in fields.chain(node.list()) {
                let one = trace.conditions(part, stack);
                taint.add(one);
            }
            taint
        })
    }

    fn writes(&mut self, query: &'t Node, stack: &mut Stack<'t>) {
        if !matches!(query.number("commandType"), Some(UPDATE | INSERT)) {
            return;
        }
        self.assigns(query, query.get("targetList"), stack);
        self.assigns(query, query.get("onConflict").get("onConflictSet"), stack);
    }

    fn merges(&mut self, action: &'t Node, stack: &mut Stack<'t>) {
        if let Some(query) = stack.last().copied() {
            self.assigns(query, action.get("targetList"), stack);
        }
    }

    /// Values that are written: those of a masked column only into one that is masked the same way.
    fn assigns(&mut self, query: &'t Node, targets: &'t Node, stack: &mut Stack<'t>) {
        let into = query.number("resultRelation").and_then(|index| entry(query, index));
        let into = into.and_then(relation);
        for target in targets.list().iter().filter(|target| !target.is_true("resjunk")) {
            let value = target.get("expr");
            let taint = self.expression(value, stack);
            if taint.is_clean() || taint.from.is_empty() && is_default(value) {
                continue;
            }
            let column = target.number("resno").and_then(|number| i16::try_from(number).ok());
            let own = into.zip(column).and_then(|(into, column)| self.catalog.mask(into, column));
            let same = own.is_some_and(|own| taint.from.iter().all(|from| *from == own));
            if !same || taint.opaque {
                self.out.carried = Some(WRITES);
            }
        }
    }
}

/// What a query gives: of one that changes rows, what it returns.
fn targets(query: &Node) -> &[Node] {
    match query.number("commandType") {
        Some(1) => query.get("targetList").list(),
        _ => query.get("returningList").list(),
    }
}

fn entry(query: &Node, index: i64) -> Option<&Node> {
    let at = usize::try_from(index).ok()?.checked_sub(1)?;
    query.get("rtable").list().get(at)
}

fn relation(entry: &Node) -> Option<u32> {
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
fn called(catalog: &Catalog, node: &Node) -> Option<Sight> {
    let Node::Node(_, fields) = node else { return None };
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

/// Whether an expression is the default of a column: it stands in no text, and reads nothing.
fn is_default(expression: &Node) -> bool {
    if matches!(expression.kind(), "VAR" | "SUBLINK" | "QUERY" | "PARAM") {
        return false;
    }
    let unplaced = expression.get("location").word();
    (unplaced.is_empty() || unplaced == "-1") && expression.children().all(is_default)
}

/// The places in a list of targets that clauses refer to.
fn references(node: &Node, found: &mut BTreeSet<i64>) {
    found.extend(node.number("tleSortGroupRef"));
    node.children().for_each(|child| references(child, found));
}
