//! Stacks that `perf script` printed, and their flame graph: a box a function, as wide as its share of all samples, above its caller.

use std::collections::BTreeMap;
use std::fmt::Write as _;

const WIDTH: f64 = 1_600.0;
const ROW: f64 = 16.0;
/// Narrower boxes are left out: nobody could read them.
const NARROWEST: f64 = 0.5;
/// Letters of the font are about that wide.
const LETTER: f64 = 6.2;

/// How often each stack was seen.
#[derive(Debug, Default, PartialEq)]
pub struct Stacks {
    /// The outermost first, beginning with the thread's name.
    seen: BTreeMap<Vec<String>, u64>,
}

/// A function with all that it called.
#[derive(Debug, Default)]
struct Flame {
    samples: u64,
    above: BTreeMap<String, Flame>,
}

impl Stacks {
    /// Reads samples that are separated by empty lines: the thread's name, then a line a function, the innermost first.
    pub fn read(script: &str) -> Self {
        let mut stacks = Self::default();
        for sample in script.split("\n\n") {
            let mut lines = sample.lines().filter(|line| !line.trim().is_empty());
            let Some(thread) = lines.next() else { continue };
            let mut stack: Vec<String> = lines.map(function).collect();
            stack.push(thread.trim().to_owned());
            stack.reverse();
            *stacks.seen.entry(stack).or_default() += 1;
        }
        stacks
    }

    /// The functions in which most samples were taken, with their shares.
    pub fn heaviest(&self, count: usize) -> Vec<(f64, String)> {
        let mut own = BTreeMap::<&str, u64>::new();
        for (stack, samples) in &self.seen {
            if let Some(innermost) = stack.last() {
                *own.entry(innermost).or_default() += samples;
            }
        }
        let all = self.samples().max(1) as f64;
        let mut shares: Vec<_> = own
            .into_iter()
            .map(|(name, samples)| (samples as f64 / all, name.to_owned()))
            .collect();
        shares.sort_by(|one, other| other.0.total_cmp(&one.0));
        shares.truncate(count);
        shares
    }

    fn samples(&self) -> u64 {
        self.seen.values().sum()
    }

    fn flame(&self) -> Flame {
        let mut root = Flame::default();
        for (stack, samples) in &self.seen {
            root.samples += samples;
            let mut flame = &mut root;
            for name in stack {
                flame = flame.above.entry(name.clone()).or_default();
                flame.samples += samples;
            }
        }
        root
    }
}

/// `ADDRESS NAME`, where the name may have spaces, an offset after it, and Rust's hash at its end.
fn function(line: &str) -> String {
    let name = line.trim().split_once(' ').map_or("?", |(_, name)| name);
    let name = name.rsplit_once("+0x").map_or(name, |(name, _)| name);
    match name.rsplit_once("::h") {
        Some((name, hash)) if hash.len() == 16 => name.to_owned(),
        _ => name.to_owned(),
    }
}

/// The flame graph as SVG; the pointer over a box shows its whole name and share.
pub fn draw(stacks: &Stacks) -> String {
    let root = stacks.flame();
    let height = (depth(&root) + 1) as f64 * ROW;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"monospace\" font-size=\"10\">\n"
    );
    let per_sample = WIDTH / root.samples.max(1) as f64;
    draw_above(&mut svg, &root, 0.0, height - ROW, per_sample);
    svg.push_str("</svg>\n");
    svg
}

fn depth(flame: &Flame) -> usize {
    1 + flame.above.values().map(depth).max().unwrap_or(0)
}

fn draw_above(svg: &mut String, flame: &Flame, left: f64, top: f64, per_sample: f64) {
    let mut left = left;
    for (name, above) in &flame.above {
        let width = above.samples as f64 * per_sample;
        if width >= NARROWEST {
            draw_box(svg, name, (left, top, width));
            draw_above(svg, above, left, top - ROW, per_sample);
        }
        left += width;
    }
}

fn draw_box(svg: &mut String, name: &str, (left, top, width): (f64, f64, f64)) {
    let letters = (width / LETTER) as usize;
    let shown: String = name.chars().take(letters).collect();
    let hue = name
        .bytes()
        .fold(0_u32, |sum, byte| sum * 31 % 360 + u32::from(byte))
        % 50;
    let (share, height) = (width / WIDTH * 100.0, ROW - 1.0);
    let (name, shown) = (escaped(name), escaped(&shown));
    let baseline = top + ROW - 5.0;
    let _ = writeln!(
        svg,
        "<g><title>{name} ({share:.2} %)</title><rect x=\"{left:.1}\" y=\"{top:.0}\" width=\"{width:.1}\" height=\"{height}\" fill=\"hsl({hue},80%,65%)\"/><text x=\"{left:.1}\" y=\"{baseline:.0}\">{shown}</text></g>"
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "outbox\n\t  55d0 core::fmt::write::h0123456789abcdef+0x1a\n\t  55d1 main\n\n\
                          outbox\n\t  55d0 core::fmt::write::h0123456789abcdef+0x2b\n\t  55d1 main\n\n\
                          tokio\n\t  55d9 <A as B>::poll\n\n";

    #[test]
    fn samples_of_one_stack_are_counted_together() {
        let stacks = Stacks::read(SCRIPT);
        let outbox = ["outbox", "main", "core::fmt::write"].map(str::to_owned).to_vec();
        assert_eq!(stacks.seen.get(&outbox), Some(&2));
        assert_eq!(stacks.heaviest(1), [(2.0 / 3.0, "core::fmt::write".to_owned())]);
    }

    #[test]
    fn a_box_is_as_wide_as_its_share_and_its_name_is_text() {
        let svg = draw(&Stacks::read(SCRIPT));
        assert!(svg.contains("core::fmt::write (66.67 %)"), "{svg}");
        assert!(svg.contains("&lt;A as B&gt;::poll (33.33 %)"), "{svg}");
    }
}
