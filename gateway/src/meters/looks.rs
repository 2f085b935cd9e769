//! Which of a meter's last few readings is believed: one that is wildly off, high or low, never is.

/// So many looks are compared.
const LOOKS: usize = 3;

/// A meter's last looks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Looks {
    values: Vec<f64>,
}

impl Looks {
    /// One more look.
    pub fn see(&mut self, value: f64) {
        if self.values.len() == LOOKS {
            self.values.remove(0);
        }
        self.values.push(value);
    }

    /// The middle one of the last three; none before there were three.
    pub fn believed(&self) -> Option<f64> {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(LOOKS / 2).filter(|_| sorted.len() == LOOKS).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_false_reading_is_never_believed_and_a_new_level_soon_is() {
        let mut looks = Looks::default();
        let mut believed = Vec::new();
        for value in [100.0, 101.0, 102.0, 0.0, 103.0, 9e9, 104.0, 2.0, 3.0] {
            looks.see(value);
            believed.push(looks.believed());
        }
        let some = [101.0, 101.0, 102.0, 103.0, 104.0, 104.0, 3.0].map(Some);
        assert_eq!(believed[..2], [None, None]);
        assert_eq!(believed[2..], some);
    }
}
