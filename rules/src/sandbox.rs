//! The one Rhai engine: what a script can't do, and how much it may.

use rhai::module_resolvers::DummyModuleResolver;
use rhai::{Engine, EvalAltResult, OptimizationLevel};

use crate::vocabulary;

/// Steps that a closure may take; a rule of a few points takes under a hundred. A rule that never ends is stopped here on each
/// batch of each of its devices, so this also bounds how much it delays the others.
const MOST_OPERATIONS: u64 = 10_000;
/// Steps that a file may take to say its rules.
const MOST_OPERATIONS_OF_A_FILE: u64 = 100_000;
/// Characters of a text.
const LONGEST_TEXT: usize = 16 * 1024;
/// Items of an array or a map.
const MOST_ITEMS: usize = 1024;
/// Functions inside functions.
const DEEPEST_CALLS: usize = 32;
/// Expressions inside expressions, at the top level and in functions.
const DEEPEST_EXPRESSIONS: (usize, usize) = (64, 64);
/// Variables that one closure may have.
const MOST_VARIABLES: usize = 256;
/// Functions and closures that one file may have.
const MOST_FUNCTIONS: usize = 2048;

/// Words of the language that reach beyond the script.
const FORBIDDEN: [&str; 3] = ["eval", "import", "export"];

/// An engine that knows the vocabulary of rules and nothing of the machine that it runs on.
pub(crate) fn engine() -> Engine {
    let mut engine = Engine::new();
    engine
        .set_max_operations(MOST_OPERATIONS)
        .set_max_string_size(LONGEST_TEXT)
        .set_max_array_size(MOST_ITEMS)
        .set_max_map_size(MOST_ITEMS)
        .set_max_call_levels(DEEPEST_CALLS)
        .set_max_expr_depths(DEEPEST_EXPRESSIONS.0, DEEPEST_EXPRESSIONS.1)
        .set_max_variables(MOST_VARIABLES)
        .set_max_functions(MOST_FUNCTIONS)
        .set_max_modules(0)
        .set_strict_variables(true)
        // What the optimizer folds away loses its place in the file, and with it the place of a fault.
        .set_optimization_level(OptimizationLevel::None)
        .set_module_resolver(DummyModuleResolver::new())
        .on_print(|_| {})
        .on_debug(|_, _, _| {});
    for word in FORBIDDEN {
        engine.disable_symbol(word);
    }
    take_the_clock_away(&mut engine);
    vocabulary::register(&mut engine);
    engine
}

/// An engine that runs rule files.
pub(crate) fn file_engine() -> Engine {
    let mut engine = engine();
    engine.set_max_operations(MOST_OPERATIONS_OF_A_FILE);
    engine
}

/// An engine for trials: slower, and it refuses comparisons that can never be true.
pub(crate) fn trial_engine() -> Engine {
    let mut engine = engine();
    // Only so are registered operators asked before the built-in ones.
    engine.set_fast_operators(false);
    vocabulary::refuse_mixed_comparisons(&mut engine);
    engine
}

/// These functions can't be taken out of the language; they are replaced by ones that fail.
fn take_the_clock_away(engine: &mut Engine) {
    const NO_WAITING: &str = "a rule can't wait: say how long with `after` or with a window";
    const NO_CLOCK: &str = "a rule has no clock: say how long with `after` or with a window";
    engine.register_fn("sleep", |_: i64| -> Result<(), Box<EvalAltResult>> {
        Err(NO_WAITING.into())
    });
    engine.register_fn("sleep", |_: f64| -> Result<(), Box<EvalAltResult>> {
        Err(NO_WAITING.into())
    });
    engine.register_fn("timestamp", || -> Result<(), Box<EvalAltResult>> {
        Err(NO_CLOCK.into())
    });
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use crate::testing::{load_text, rule};

    #[test]
    fn a_script_can_neither_reach_out_nor_wait() {
        for outside in [
            "eval(\"1 + 1\")",
            "import \"/etc/passwd\" as secrets",
            "sleep(1)",
            "sleep(1.0)",
            "timestamp()",
            "open(\"/etc/passwd\")",
            "rule(\"inner\", #{})",
        ] {
            let (rules, faults) = load_text(&rule("x", &format!("when: |d| {{ {outside}; d.running }}")));
            assert_eq!(faults.len(), 1, "{outside}: {faults:?}");
            assert!(rules.is_empty(), "{outside}");
        }
    }

    #[test]
    fn a_script_that_never_ends_or_grows_without_bound_is_stopped() {
        for bomb in [
            "loop {}",
            "let a = []; loop { a.push(a) }",
            "let a = [0]; loop { a += a }",
            "let s = \"x\"; loop { s += s }",
            "let s = \"\"; s.pad(1000000000, \"x\")",
            "let b = blob(1000000000)",
            "let m = #{}; for i in 0..1000000 { m[i.to_string()] = i }",
            "fn again(n) { again(n + 1) } again(0)",
            "for i in 0..9223372036854775807 {}",
            "let n = 9223372036854775807; n + 1",
            &("(".repeat(10_000) + "1"),
            &"[".repeat(10_000),
        ] {
            let begun = Instant::now();
            let (_, faults) = load_text(bomb);
            assert_eq!(faults.len(), 1, "{:.60}", bomb);
            assert!(
                begun.elapsed() < Duration::from_secs(5),
                "{:.60} took {:?}",
                bomb,
                begun.elapsed()
            );
        }
    }

    #[test]
    fn printing_says_nothing_and_harms_nothing() {
        let (rules, faults) = load_text(&rule(
            "x",
            "when: |d| { print(`${d.flow}`); debug(1); d.running }",
        ));
        assert_eq!((rules.len(), faults), (1, Vec::new()));
    }
}
