//! What a query does besides giving columns: what it reads, by what it chooses rows, what it calls
//! and what it writes.

use std::collections::BTreeSet;

use super::catalog::Sight;
use super::nodes::Node;
use super::taint::Taint;
use super::trace::{DEPTH_LIMIT, STEP_LIMIT, Stack, Trace, called, entry, relation};

// `CmdType` of the server.
const UPDATE: i64 = 2;
const INSERT: i64 = 3;

const WRITES: &str = "it would write values of a masked column into another one";
const GIVES: &str =
    "it gives what may be values of a masked column to a function that may keep them";

impl<'t> Trace<'t> {
    /// Looks at everything in a query: what it reads, asks, calls and writes.
    pub(super) fn visit(&mut self, node: &'t Node, stack: &mut Stack<'t>) {
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
        let Node::Kind(_, fields) = node else {
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
