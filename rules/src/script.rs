//! Runs a rule file once and collects what its `rule(…)` calls say, each with its place.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::{Fault, Place, Script};
use rhai::{
    AST, ASTNode, Dynamic, Engine, EvalAltResult, Expr, FnCallExpr, Map, NativeCallContext, Position, Stmt,
};

use crate::sandbox;

const WHAT_A_RULE_TAKES: &str = "`rule` takes an id and a map: `rule(\"pump-fault\", #{ … })`";

/// A rule file that was run.
pub(crate) struct Ran {
    /// Its name, as faults tell it.
    pub(crate) file: String,
    /// What its closures are called in.
    pub(crate) ast: Arc<AST>,
    /// Its `rule(…)` calls, in their order.
    pub(crate) said: Vec<Said>,
}

/// A call of `rule("id", #{…})`.
pub(crate) struct Said {
    pub(crate) id: String,
    pub(crate) map: Map,
    /// Where the call stands.
    pub(crate) position: Position,
    /// Where each key of the map stands, if the map is written in the call.
    pub(crate) keys: BTreeMap<String, Position>,
}

/// An engine that runs rule files. The engine that judges has no `rule(…)`: a closure that calls it is broken.
pub(crate) struct Collector {
    engine: Engine,
    said: Arc<Mutex<Vec<Said>>>,
}

impl Collector {
    pub(crate) fn new() -> Self {
        let said = Arc::new(Mutex::new(Vec::new()));
        let collected = Arc::clone(&said);
        let mut engine = sandbox::file_engine();
        engine.register_fn(
            "rule",
            move |context: NativeCallContext<'_>, id: &str, map: Map| {
                let position = context.call_position();
                let said = Said {
                    id: id.to_owned(),
                    map,
                    position,
                    keys: BTreeMap::new(),
                };
                collected
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(said);
            },
        );
        engine.register_fn("rule", |_: Dynamic| -> Result<(), Box<EvalAltResult>> {
            Err(WHAT_A_RULE_TAKES.into())
        });
        engine.register_fn(
            "rule",
            |_: Dynamic, _: Dynamic| -> Result<(), Box<EvalAltResult>> { Err(WHAT_A_RULE_TAKES.into()) },
        );
        Self { engine, said }
    }

    /// Compiles and runs a file. A file that fails midway keeps what it said before.
    pub(crate) fn run(&self, script: &Script, faults: &mut Vec<Fault>) -> Option<Ran> {
        let ast = match self.engine.compile(&script.text) {
            Ok(ast) => ast,
            Err(error) => {
                faults.push(Fault::new(
                    place(&script.file, error.position()),
                    error.err_type().to_string(),
                ));
                return None;
            }
        };
        if let Err(error) = self.engine.run_ast(&ast) {
            let (position, text) = explain(*error);
            faults.push(Fault::new(place(&script.file, position), text));
        }
        let mut said = std::mem::take(&mut *self.said.lock().unwrap_or_else(PoisonError::into_inner));
        let keys = keys_of_calls(&ast);
        for call in &mut said {
            call.keys = keys.get(&call.position).cloned().unwrap_or_default();
        }
        Some(Ran {
            file: script.file.clone(),
            ast: Arc::new(ast),
            said,
        })
    }
}

/// A place in a rule file; one that Rhai does not know is the file's start.
pub(crate) fn place(file: &str, position: Position) -> Place {
    let number = |count: Option<usize>| u32::try_from(count.unwrap_or(1)).unwrap_or(u32::MAX).max(1);
    Place::new(file, number(position.line()), number(position.position()))
}

/// What went wrong, and where it began: the innermost of the calls that it came through.
pub(crate) fn explain(mut error: EvalAltResult) -> (Position, String) {
    while let EvalAltResult::ErrorInFunctionCall(_, _, inner, position) = error {
        error = *inner;
        if error.position().is_none() {
            error.set_position(position);
        }
    }
    let position = error.take_position();
    let text = match &error {
        EvalAltResult::ErrorTooManyOperations(_) => {
            "it does not come to an end (too many operations)".to_owned()
        }
        EvalAltResult::ErrorRuntime(value, _) if value.is_string() => value.to_string(),
        other => other.to_string(),
    };
    (position, text)
}

/// Where the keys of each `rule("…", #{…})` stand, by the place of the call.
fn keys_of_calls(ast: &AST) -> BTreeMap<Position, BTreeMap<String, Position>> {
    let mut found = BTreeMap::new();
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        if let Some(ASTNode::Stmt(Stmt::FnCall(call, position)) | ASTNode::Expr(Expr::FnCall(call, position))) = path.last()
            && call.name == "rule"
        {
            found.insert(*position, keys_of(call));
        }
        true
    });
    found
}

fn keys_of(call: &FnCallExpr) -> BTreeMap<String, Position> {
    match call.args.get(1) {
        Some(Expr::Map(map, _)) => map
            .0
            .iter()
            .map(|(key, _)| (key.name.to_string(), key.pos))
            .collect(),
        _ => BTreeMap::new(),
    }
}
