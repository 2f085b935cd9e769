//! Numbers and states, and how Rhai reckons with them.

/// A value of a condition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scalar {
    Number(f64),
    Whole(i64),
    State(bool),
    /// What a `let` says, or an `if` without its `else`.
    Nothing,
}

/// An operator with two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Scalar {
    /// With the other sign; `None` where Rhai fails.
    pub(super) fn negative(self) -> Option<Self> {
        match self {
            Self::Number(number) => Some(Self::Number(-number)),
            Self::Whole(whole) => whole.checked_neg().map(Self::Whole),
            Self::State(_) | Self::Nothing => None,
        }
    }

    fn number(self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Whole(whole) => Some(whole as f64),
            Self::State(_) | Self::Nothing => None,
        }
    }
}

impl Operator {
    /// The operator that a script writes so.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "+" => Self::Add,
            "-" => Self::Subtract,
            "*" => Self::Multiply,
            "/" => Self::Divide,
            "%" => Self::Remainder,
            "==" => Self::Equal,
            "!=" => Self::NotEqual,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            _ => return None,
        })
    }

    /// What it makes of its sides; `None` where Rhai fails, or does what is not known here.
    pub(super) fn of(self, left: Scalar, right: Scalar) -> Option<Scalar> {
        match (left, right) {
            (Scalar::Whole(left), Scalar::Whole(right)) => self.of_whole(left, right),
            (Scalar::State(left), Scalar::State(right)) => match self {
                Self::Equal => Some(Scalar::State(left == right)),
                Self::NotEqual => Some(Scalar::State(left != right)),
                _ => None,
            },
            (left, right) => Some(self.of_numbers(left.number()?, right.number()?)),
        }
    }

    fn of_whole(self, left: i64, right: i64) -> Option<Scalar> {
        let reckoned = match self {
            Self::Add => left.checked_add(right),
            Self::Subtract => left.checked_sub(right),
            Self::Multiply => left.checked_mul(right),
            Self::Divide => left.checked_div(right),
            Self::Remainder => left.checked_rem(right),
            Self::Equal => return Some(Scalar::State(left == right)),
            Self::NotEqual => return Some(Scalar::State(left != right)),
            Self::Less => return Some(Scalar::State(left < right)),
            Self::LessOrEqual => return Some(Scalar::State(left <= right)),
            Self::Greater => return Some(Scalar::State(left > right)),
            Self::GreaterOrEqual => return Some(Scalar::State(left >= right)),
        };
        reckoned.map(Scalar::Whole)
    }

    fn of_numbers(self, left: f64, right: f64) -> Scalar {
        match self {
            Self::Add => Scalar::Number(left + right),
            Self::Subtract => Scalar::Number(left - right),
            Self::Multiply => Scalar::Number(left * right),
            Self::Divide => Scalar::Number(left / right),
            Self::Remainder => Scalar::Number(left % right),
            _ => Scalar::State(self.compares(left, right)),
        }
    }

    /// Rhai takes numbers for equal that differ by no more than a double can tell apart at their size (its `func/builtin.rs`).
    fn compares(self, left: f64, right: f64) -> bool {
        let size = if left * right == 0.0 {
            1.0
        } else {
            left.abs().max(right.abs())
        };
        // Only beside what is not a number: both sides but one are zero.
        if size == 0.0 {
            return matches!(self, Self::Equal | Self::GreaterOrEqual | Self::LessOrEqual);
        }
        let differs = (left - right) / size;
        match self {
            Self::Equal => differs.abs() <= f64::EPSILON,
            Self::NotEqual => differs.abs() > f64::EPSILON,
            Self::Greater => differs > f64::EPSILON,
            Self::GreaterOrEqual => differs > -f64::EPSILON,
            Self::Less => (right - left) / size > f64::EPSILON,
            _ => (right - left) / size > -f64::EPSILON,
        }
    }
}
