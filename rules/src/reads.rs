//! Finds out which points a closure reads, by walking its syntax tree: both sides of every `&&`, every branch, and every
//! function of the same file that it hands the device to.

use std::collections::BTreeSet;
use std::time::Duration;

use rhai::{AST, ASTNode, Expr, FnCallExpr, FnPtr, Position, Stmt};

use crate::{span, vocabulary};

/// Deeper chains of functions than this are not followed; the sandbox does not run them either.
const DEEPEST: usize = 32;

/// What closures read of a device.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reads {
    /// Points, by name, and where each is first named.
    pub(crate) points: Vec<(String, Position)>,
    /// Windows: the point and the length.
    pub(crate) windows: BTreeSet<(String, Duration)>,
    /// Whether the device's silence or faulty points are asked for.
    pub(crate) sight: bool,
}

/// A use of the device that can't be followed, and where.
pub(crate) type Unclear = (Position, String);

impl Reads {
    /// Adds what a closure reads when it is called with the device, and returns what is wrong with the way it asks.
    pub(crate) fn add(&mut self, ast: &AST, closure: &FnPtr) -> Vec<Unclear> {
        let mut walk = Walk {
            ast,
            reads: self,
            unclear: Vec::new(),
            seen: BTreeSet::new(),
        };
        let curried = closure.curry().len();
        walk.function(closure.fn_name(), curried + 1, curried, 0);
        walk.unclear
    }

    /// Both together.
    pub(crate) fn and(&self, other: &Self) -> Self {
        let mut both = self.clone();
        other
            .points
            .iter()
            .for_each(|(point, place)| both.point(point, *place));
        both.windows.extend(other.windows.iter().cloned());
        both.sight |= other.sight;
        both
    }

    fn point(&mut self, name: &str, place: Position) {
        if !self.points.iter().any(|(known, _)| known == name) {
            self.points.push((name.to_owned(), place));
        }
    }
}

struct Walk<'walk> {
    ast: &'walk AST,
    reads: &'walk mut Reads,
    unclear: Vec<Unclear>,
    /// Functions that were walked, with the place of the device among their parameters.
    seen: BTreeSet<(String, usize, usize)>,
}

impl Walk<'_> {
    /// Walks a function of the file whose parameter at `place` is the device.
    fn function(&mut self, name: &str, parameters: usize, place: usize, depth: usize) {
        if depth > DEEPEST || !self.seen.insert((name.to_owned(), parameters, place)) {
            return;
        }
        let Some(device) = self
            .ast
            .shared_lib()
            .get_script_fn(name, parameters)
            .and_then(|found| found.params.get(place))
        else {
            return;
        };
        // The library does not hand out a function's body, but a tree that has this function alone can be walked.
        let mut alone = self.ast.clone_functions_only();
        alone.retain_functions(|_, _, other, count| other == name && count == parameters);
        alone.walk(&mut |path: &[ASTNode<'_>]| {
            if let Some((ASTNode::Expr(expression), above)) = path.split_last()
                && matches!(expression, Expr::Variable(variable, ..) if variable.1 == *device)
            {
                self.mention(expression, above.last(), depth);
            }
            true
        });
    }

    /// Looks at one mention of the device and at what stands above it in the tree.
    fn mention(&mut self, device: &Expr, above: Option<&ASTNode<'_>>, depth: usize) {
        match above {
            Some(ASTNode::Expr(Expr::Dot(dot, ..))) if std::ptr::eq(&raw const dot.lhs, device) => {
                self.asked(&dot.rhs)
            }
            Some(ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _)))
                if !call.is_operator_call() && self.handed_on(device, call, depth) => {}
            _ => self.unclear.push((
                device.position(),
                "the device can only be asked (`d.point`, `d.avg(…)`) or handed to a function of this file"
                    .to_owned(),
            )),
        }
    }

    /// Follows the device into a function that it is an argument of, or into a closure that captures it.
    fn handed_on(&mut self, device: &Expr, call: &FnCallExpr, depth: usize) -> bool {
        let Some(place) = call
            .args
            .iter()
            .position(|argument| std::ptr::eq(argument, device))
        else {
            return false;
        };
        if call.name == "curry" {
            let Some(Expr::DynamicConstant(pointer, _)) = call.args.first() else {
                return false;
            };
            let Some(closure) = pointer
                .read_lock::<FnPtr>()
                .map(|closure| closure.fn_name().to_owned())
            else {
                return false;
            };
            let arities: Vec<usize> = self.arities(&closure);
            arities.into_iter().for_each(|parameters| {
                self.function(&closure, parameters, place.saturating_sub(1), depth + 1)
            });
            return true;
        }
        let known = self
            .ast
            .shared_lib()
            .get_script_fn(&call.name, call.args.len())
            .is_some();
        if known {
            self.function(&call.name, call.args.len(), place, depth + 1);
        }
        known
    }

    fn arities(&self, name: &str) -> Vec<usize> {
        self.ast
            .iter_functions()
            .filter(|function| function.name == name)
            .map(|function| function.params.len())
            .collect()
    }

    /// Notes what is asked of the device: what stands to the right of its dot.
    fn asked(&mut self, asked: &Expr) {
        match asked {
            Expr::Property(property, position) => self.reads.point(&property.2, *position),
            Expr::MethodCall(call, position) => self.method(call, *position),
            // `d.point.round()`: the tree leans to the right.
            Expr::Dot(further, ..) | Expr::Index(further, ..) => self.asked(&further.lhs),
            other => self
                .unclear
                .push((other.position(), "write `d.point` to read a point".to_owned())),
        }
    }

    fn method(&mut self, call: &FnCallExpr, position: Position) {
        match vocabulary::word(&call.name, call.args.len()) {
            Ok(vocabulary::Word::Sight) => self.reads.sight = true,
            Ok(vocabulary::Word::Window) => self.window(call, position),
            Err(wrong) => self.unclear.push((position, wrong)),
        }
    }

    /// Notes a window; its point and its length must be literal, or nobody could keep it before it is asked for.
    fn window(&mut self, call: &FnCallExpr, position: Position) {
        let (
            Some(Expr::StringConstant(point, point_place)),
            Some(Expr::StringConstant(length, length_place)),
        ) = (call.args.first(), call.args.last())
        else {
            let text = format!(
                "name point and length of `{}` as texts, as in `d.avg(\"outlet_pressure\", \"5m\")`",
                call.name
            );
            self.unclear.push((position, text));
            return;
        };
        match span::parse(length) {
            Ok(length) if length.is_zero() => self
                .unclear
                .push((*length_place, "a window of no length says nothing".to_owned())),
            Ok(length) => {
                self.reads.point(point, *point_place);
                self.reads.windows.insert((point.to_string(), length));
            }
            Err(wrong) => self.unclear.push((*length_place, wrong)),
        }
    }
}
