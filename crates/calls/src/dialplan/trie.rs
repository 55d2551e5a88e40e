//! One trie over the symbols of all patterns of all partitions: each step of a number is one look into a node.

use std::collections::BTreeMap;
use std::ops::Range;

use model::plan::Pattern;

use super::space::bit;

const NONE: u32 = u32::MAX;
/// The digits are the symbols below.
const DIGITS: u8 = 10;

/// The compiled trie. Children of a node by a single symbol lie side by side.
#[derive(Debug, Default)]
pub(super) struct Trie {
    nodes: Vec<Node>,
    choices: Vec<(u16, u32)>,
    ends: Vec<End>,
}

/// A pattern that ends at a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct End {
    pub(super) partition: u16,
    pub(super) entry: u32,
}

#[derive(Clone, Debug, Default)]
struct Node {
    /// Which symbols lead on by themselves; their nodes begin at `first_literal`.
    literals: u16,
    first_literal: u32,
    choices: Range<u32>,
    /// Where `!` leads, or [`NONE`].
    many: u32,
    /// This node takes any further digit: `!` led here.
    is_many: bool,
    ends: Range<u32>,
    /// The partitions of all that ends here or below.
    mask: u64,
}

/// A node while the trie grows.
#[derive(Default)]
struct Growing {
    literals: BTreeMap<u8, usize>,
    choices: BTreeMap<u16, usize>,
    many: Option<usize>,
    is_many: bool,
    ends: Vec<End>,
    mask: u64,
}

/// Grows a trie, pattern by pattern.
pub(super) struct Builder {
    nodes: Vec<Growing>,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self { nodes: vec![Growing::default()] }
    }

    /// Adds a pattern of a partition.
    pub(super) fn add(&mut self, pattern: &Pattern, partition: u16, entry: u32) {
        let mut at = 0;
        self.nodes[at].mask |= bit(partition);
        for (place, set) in pattern.elements().iter().enumerate() {
            let fresh = self.nodes.len();
            let node = &mut self.nodes[at];
            let is_many = pattern.many() == Some(place);
            let next = if is_many {
                *node.many.get_or_insert(fresh)
            } else if let Some(symbol) = set.single() {
                *node.literals.entry(symbol).or_insert(fresh)
            } else {
                *node.choices.entry(set.bits()).or_insert(fresh)
            };
            if next == fresh {
                self.nodes.push(Growing { is_many, ..Growing::default() });
            }
            at = next;
            self.nodes[at].mask |= bit(partition);
        }
        self.nodes[at].ends.push(End { partition, entry });
    }

    /// Lays the nodes out flat, breadth first.
    pub(super) fn finish(mut self) -> Trie {
        let index = |place: usize| u32::try_from(place).unwrap_or(NONE);
        let mut trie = Trie::default();
        // The old places, in the new order.
        let mut order = vec![0];
        let mut done = 0;
        while done < order.len() {
            let growing = std::mem::take(&mut self.nodes[order[done]]);
            let mut node =
                Node { mask: growing.mask, is_many: growing.is_many, many: NONE, ..Node::default() };
            node.first_literal = index(order.len());
            for (symbol, child) in growing.literals {
                node.literals |= 1 << symbol;
                order.push(child);
            }
            let first = index(trie.choices.len());
            for (bits, child) in growing.choices {
                trie.choices.push((bits, index(order.len())));
                order.push(child);
            }
            node.choices = first..index(trie.choices.len());
            if let Some(child) = growing.many {
                node.many = index(order.len());
                order.push(child);
            }
            let mut ends = growing.ends;
            ends.sort_unstable();
            node.ends = index(trie.ends.len())..index(trie.ends.len() + ends.len());
            trie.ends.extend(ends);
            trie.nodes.push(node);
            done += 1;
        }
        trie
    }
}

impl Trie {
    /// Visits each node at which patterns end that match all of the number, in partitions of the mask.
    pub(super) fn matches(&self, symbols: &[u8], mask: u64, visit: &mut impl FnMut(&[End])) {
        self.walk(0, symbols, mask, &mut |node| {
            if node.ends.start < node.ends.end {
                visit(self.ends_of(node));
            }
        });
    }

    /// Could the number, with more symbols behind it, match a pattern that `wanted` takes?
    pub(super) fn could_become(
        &self,
        symbols: &[u8],
        mask: u64,
        wanted: &mut impl FnMut(End) -> bool,
    ) -> bool {
        let mut found = false;
        self.walk(0, symbols, mask, &mut |node| {
            // What ends here and takes further digits is longer, too.
            found = found || (node.is_many && self.ends_of(node).iter().any(|end| wanted(*end)));
            found = found || self.children(node).any(|child| self.any_below(child, mask, wanted));
        });
        found
    }

    /// What ends exactly at these symbols, as they stand.
    pub(super) fn exact(&self, symbols: &[u8]) -> &[End] {
        let mut node = &self.nodes[0];
        for symbol in symbols {
            match self.literal(node, *symbol) {
                Some(next) => node = &self.nodes[next as usize],
                None => return &[],
            }
        }
        self.ends_of(node)
    }

    fn walk(&self, at: u32, symbols: &[u8], mask: u64, visit: &mut impl FnMut(&Node)) {
        let node = &self.nodes[at as usize];
        if node.mask & mask == 0 {
            return;
        }
        let Some((&symbol, rest)) = symbols.split_first() else { return visit(node) };
        if node.is_many && symbol < DIGITS {
            self.walk(at, rest, mask, visit);
        }
        if let Some(next) = self.literal(node, symbol) {
            self.walk(next, rest, mask, visit);
        }
        for (bits, next) in &self.choices[node.choices.start as usize..node.choices.end as usize] {
            if bits & (1 << symbol) != 0 {
                self.walk(*next, rest, mask, visit);
            }
        }
        if node.many != NONE && symbol < DIGITS {
            self.walk(node.many, rest, mask, visit);
        }
    }

    fn literal(&self, node: &Node, symbol: u8) -> Option<u32> {
        let bit = 1_u16 << symbol;
        (node.literals & bit != 0).then(|| node.first_literal + (node.literals & (bit - 1)).count_ones())
    }

    fn ends_of(&self, node: &Node) -> &[End] {
        &self.ends[node.ends.start as usize..node.ends.end as usize]
    }

    fn children<'a>(&'a self, node: &'a Node) -> impl Iterator<Item = u32> + 'a {
        let literals = node.first_literal..node.first_literal + node.literals.count_ones();
        let choices = self.choices[node.choices.start as usize..node.choices.end as usize]
            .iter()
            .map(|(_, next)| *next);
        literals.chain(choices).chain((node.many != NONE).then_some(node.many))
    }

    fn any_below(&self, at: u32, mask: u64, wanted: &mut impl FnMut(End) -> bool) -> bool {
        let node = &self.nodes[at as usize];
        node.mask & mask != 0
            && (self.ends_of(node).iter().any(|end| wanted(*end))
                || self.children(node).any(|child| self.any_below(child, mask, wanted)))
    }
}
