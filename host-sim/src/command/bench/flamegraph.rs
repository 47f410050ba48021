//! A flame graph: each stack is a box as wide as its instructions, above whatever called it.

use std::fmt::Write as _;

use host_sim::profile::{Frame, Profile};

use super::names::Names;

const WIDTH: f64 = 1200.0;
const ROW: usize = 18;
/// Narrower boxes are left out, with whatever is above them.
const NARROWEST: f64 = 0.3;
/// A letter's width.
const LETTER: f64 = 6.6;

/// The flame graph as an SVG document.
pub(super) fn svg(profile: &Profile, names: &Names, title: &str) -> String {
    // Whatever calls comes before what is called.
    let mut totals: Vec<u64> = profile.nodes.iter().map(|node| node.instructions).collect();
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); totals.len()];
    let mut roots = Vec::new();
    for (number, node) in profile.nodes.iter().enumerate().rev() {
        let own = totals.get(number).copied().unwrap_or_default();
        match node.parent {
            Some(parent) => {
                if let Some(total) = totals.get_mut(parent) {
                    *total = total.saturating_add(own);
                }
                if let Some(of) = children.get_mut(parent) {
                    of.push(number);
                }
            }
            None => roots.push(number),
        }
    }
    let all = profile.instructions().max(1);
    let mut boxes: Vec<(usize, f64, f64, usize)> = Vec::new();
    let mut waiting: Vec<(Vec<usize>, f64, usize)> = vec![(roots, 0.0, 0)];
    while let Some((mut stacks, mut left, depth)) = waiting.pop() {
        let name = |stack: &usize| profile.nodes.get(*stack).map(|node| names.name(node.frame));
        stacks.sort_by_key(name);
        for stack in stacks {
            let total = totals.get(stack).copied().unwrap_or_default();
            let width = WIDTH * share(total, all);
            if width >= NARROWEST {
                boxes.push((stack, left, width, depth));
                let of = children.get(stack).cloned().unwrap_or_default();
                waiting.push((of, left, depth.saturating_add(1)));
            }
            left += width;
        }
    }
    let rows = boxes
        .iter()
        .map(|(.., depth)| depth.saturating_add(1))
        .max();
    let height = rows
        .unwrap_or_default()
        .saturating_add(2)
        .saturating_mul(ROW);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"monospace\" font-size=\"11\">\n\
         <text x=\"4\" y=\"13\">{}: {all} instructions</text>\n",
        escaped(title)
    );
    for (stack, left, width, depth) in boxes {
        let Some(node) = profile.nodes.get(stack) else {
            continue;
        };
        let top = height.saturating_sub(depth.saturating_add(1).saturating_mul(ROW));
        let name = names.name(node.frame);
        let color = match node.frame {
            Frame::Callback(_) => "#9ec5fe",
            Frame::Function(_) => "#ffb86b",
            Frame::Hostcall(_) => "#a3cfbb",
        };
        let total = totals.get(stack).copied().unwrap_or_default();
        let percent = 100.0 * share(total, all);
        let inner = ROW.saturating_sub(1);
        // Writing to a string cannot fail.
        let _ = write!(
            svg,
            "<g><title>{}: {total} instructions ({percent:.2} %), {} calls</title>\
             <rect x=\"{left:.2}\" y=\"{top}\" width=\"{width:.2}\" height=\"{inner}\" rx=\"1\" fill=\"{color}\"/>",
            escaped(&name),
            node.calls
        );
        let fits = (width / LETTER) as usize;
        if fits > 3 {
            let shown: String = name.chars().take(fits.saturating_sub(1)).collect();
            let (x, y) = (left + 3.0, top.saturating_add(13));
            let _ = write!(
                svg,
                "<text x=\"{x:.2}\" y=\"{y}\">{}</text>",
                escaped(&shown)
            );
        }
        svg.push_str("</g>\n");
    }
    svg.push_str("</svg>\n");
    svg
}

fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}
