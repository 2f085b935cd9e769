//! Reads a closure's syntax tree into a condition that needs no Rhai, or gives up.

use rhai::{AST, ASTFlags, ASTNode, BinaryExpr, Dynamic, Expr, FnCallExpr, FnPtr, Stmt, StmtBlock};

use super::scalar::{Operator, Scalar};
use super::{Block, MOST_VARIABLES, Native, Step, Term};

/// More terms than this are left to Rhai, which counts its steps.
const MOST_TERMS: usize = 500;

/// The closure, compiled; `None` if it says anything but comparisons, sums, `&&`, `||`, `!`, `if`, `let` and `return` over the device's
/// points. `points` are the names of those that the rule reads, in their order.
pub(crate) fn compile(ast: &AST, closure: &FnPtr, points: &[String]) -> Option<Native> {
    let (name, captured) = (closure.fn_name(), closure.curry());
    let parameters = captured.len() + 1;
    let function = ast.shared_lib().get_script_fn(name, parameters)?;
    let device = function.params.last()?.to_string();
    let mut names = Vec::new();
    for (name, value) in function.params.iter().zip(captured) {
        names.push((name.to_string(), Bound::Fixed(constant(value)?)));
    }
    let mut compiler = Compiler {
        device,
        points,
        names,
        terms: 0,
    };
    // The library does not hand out a function's body, but a tree that has this function alone can be walked.
    let mut alone = ast.clone_functions_only();
    alone.retain_functions(|_, _, other, count| other == name && count == parameters);
    let mut steps = Some(Vec::new());
    alone.walk(&mut |path: &[ASTNode<'_>]| {
        if let [ASTNode::Stmt(statement)] = path {
            let step = compiler.step(statement);
            match (&mut steps, step) {
                (Some(steps), Some(step)) => steps.push(step),
                (all, _) => *all = None,
            }
        }
        steps.is_some()
    });
    Some(Native { body: Block(steps?) })
}

fn constant(value: &Dynamic) -> Option<Scalar> {
    if let Ok(number) = value.as_float() {
        return Some(Scalar::Number(number));
    }
    let whole = value.as_int().map(Scalar::Whole);
    whole.or_else(|_| value.as_bool().map(Scalar::State)).ok()
}

/// What a name stands for.
#[derive(Clone, Copy)]
enum Bound {
    Variable(usize),
    Fixed(Scalar),
}

struct Compiler<'points> {
    /// The name of the parameter that is the device.
    device: String,
    points: &'points [String],
    /// The names that are known here, the innermost last.
    names: Vec<(String, Bound)>,
    terms: usize,
}

impl Compiler<'_> {
    fn block(&mut self, block: &StmtBlock) -> Option<Block> {
        let outside = self.names.len();
        let steps: Option<Vec<Step>> = block.iter().map(|statement| self.step(statement)).collect();
        self.names.truncate(outside);
        steps.map(Block)
    }

    fn step(&mut self, statement: &Stmt) -> Option<Step> {
        self.count()?;
        Some(match statement {
            Stmt::Noop(_) => Step::Nothing,
            Stmt::Expr(expression) => Step::Say(self.term(expression)?),
            Stmt::FnCall(call, _) => Step::Say(self.call(call)?),
            Stmt::Block(block) => Step::Say(Term::Block(self.block(block)?)),
            Stmt::If(flow, _) => Step::If(Box::new((
                self.term(&flow.expr)?,
                self.block(&flow.body)?,
                self.block(&flow.branch)?,
            ))),
            Stmt::Var(parts, flags, _) if !flags.contains(ASTFlags::EXPORTED) => {
                let (name, value, _) = &**parts;
                let value = self.term(value)?;
                Step::Let(self.variable(&name.name)?, value)
            }
            Stmt::Return(Some(value), flags, _) if !flags.contains(ASTFlags::BREAK) => {
                Step::Return(self.term(value)?)
            }
            _ => return None,
        })
    }

    fn term(&mut self, expression: &Expr) -> Option<Term> {
        self.count()?;
        Some(match expression {
            Expr::BoolConstant(state, _) => Term::Constant(Scalar::State(*state)),
            Expr::IntegerConstant(whole, _) => Term::Constant(Scalar::Whole(*whole)),
            Expr::FloatConstant(number, _) => Term::Constant(Scalar::Number(**number)),
            Expr::Variable(variable, ..) if variable.2.is_empty() && *variable.1 != *self.device => {
                match self.names.iter().rfind(|(name, _)| *name == *variable.1)?.1 {
                    Bound::Variable(place) => Term::Variable(place),
                    Bound::Fixed(scalar) => Term::Constant(scalar),
                }
            }
            Expr::Dot(dot, flags, _) if !flags.contains(ASTFlags::NEGATED) => self.asked(dot)?,
            Expr::And(terms, _) => {
                Term::All(terms.iter().map(|term| self.term(term)).collect::<Option<_>>()?)
            }
            Expr::Or(terms, _) => Term::Any(terms.iter().map(|term| self.term(term)).collect::<Option<_>>()?),
            Expr::FnCall(call, _) => self.call(call)?,
            Expr::Stmt(block) => Term::Block(self.block(block)?),
            _ => return None,
        })
    }

    /// What is asked of the device.
    fn asked(&self, dot: &BinaryExpr) -> Option<Term> {
        let Expr::Variable(variable, ..) = &dot.lhs else {
            return None;
        };
        // A variable of the device's name would be another thing.
        if *variable.1 != *self.device || self.names.iter().any(|(name, _)| *name == self.device) {
            return None;
        }
        match &dot.rhs {
            Expr::Property(property, _) => {
                let place = self.points.iter().position(|point| *point == *property.2)?;
                Some(Term::Point(place))
            }
            Expr::MethodCall(call, _) if call.args.is_empty() => match call.name.as_str() {
                "silent" => Some(Term::Silent),
                "faulty" => Some(Term::Faulty),
                _ => None,
            },
            _ => None,
        }
    }

    fn call(&mut self, call: &FnCallExpr) -> Option<Term> {
        if !call.is_operator_call() {
            return None;
        }
        match (call.name.as_str(), call.args.as_slice()) {
            ("!", [one]) => Some(Term::Not(Box::new(self.term(one)?))),
            ("-", [one]) => Some(Term::Negative(Box::new(self.term(one)?))),
            (name, [left, right]) => {
                let operator = Operator::named(name)?;
                Some(Term::Both(
                    operator,
                    Box::new((self.term(left)?, self.term(right)?)),
                ))
            }
            _ => None,
        }
    }

    fn variable(&mut self, name: &str) -> Option<usize> {
        let taken = |(_, bound): &&(String, Bound)| matches!(bound, Bound::Variable(_));
        let place = self.names.iter().filter(taken).count();
        self.names.push((name.to_owned(), Bound::Variable(place)));
        (place < MOST_VARIABLES).then_some(place)
    }

    fn count(&mut self) -> Option<()> {
        self.terms += 1;
        (self.terms <= MOST_TERMS).then_some(())
    }
}
