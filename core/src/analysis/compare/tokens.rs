//! What every rule says, as a number that is equal for equal rules of both firewalls.

use super::Sides;
use crate::firewall::{Action, Chain, ChainId, Firewall, Rule, Rules, circular_jumps};
use crate::packet::{Cube, PacketSet};
use crate::source::{Sources, Span};
use rustc_hash::{FxHashMap, FxHashSet};

/// Matches of more cubes than this are compared as they are, not tidied first.
const MOST_TIDIED: usize = 32;

/// Chains that have no namesake are looked into this deep.
const DEEPEST: usize = 32;

/// Predicates of one rule only are numbered from here on, so that they differ from shared ones.
const OWN: u32 = 1 << 31;

/// What a rule says.
#[derive(PartialEq, Eq, Hash)]
struct Meaning {
    matches: Vec<Cube>,
    does: String,
    /// Where a jump leads.
    target: Option<Target>,
    /// Where the rule is not wholly modelled: its text, and why.
    open: Option<(String, Vec<String>)>,
}

/// A chain, as far as it is the same chain in both firewalls.
#[derive(PartialEq, Eq, Hash, Clone, Copy)]
enum Target {
    /// Of this name in both.
    Namesake(u32),
    /// Of this content, whatever its name.
    Content(u32),
    /// Like no other.
    Own(usize, ChainId),
}

/// A rule that evaluation looks at.
#[derive(Debug, Clone)]
pub(super) struct Token {
    /// Its position in the chain.
    pub(super) index: u32,
    /// Equal for equal rules.
    pub(super) number: u32,
    /// Its predicates that no question names, in ascending order.
    pub(super) own: Vec<u32>,
}

/// The rules of one family of both firewalls.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    /// By chain; rules without effect, and such as match nothing, are left out.
    pub(super) chains: Sides<Vec<Vec<Token>>>,
    /// One more than the highest number.
    pub(super) count: u32,
}

/// Gives equal things equal numbers.
struct Numbers<T>(FxHashMap<T, u32>);

impl<T: std::hash::Hash + Eq> Numbers<T> {
    fn of(&mut self, thing: T) -> u32 {
        let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        *self.0.entry(thing).or_insert(next)
    }
}

struct Reader<'a> {
    sources: &'a Sources,
    rules: Sides<&'a Rules>,
    /// Number of the question that each predicate asks, where it has one.
    questions: Sides<Vec<Option<u32>>>,
    whys: Sides<Vec<&'a str>>,
    circular: Sides<FxHashSet<crate::firewall::RuleId>>,
    names: Sides<FxHashMap<(&'a str, &'a str), ChainId>>,
    meanings: Numbers<Meaning>,
    contents: Numbers<Vec<u32>>,
    targets: FxHashMap<(usize, ChainId), Target>,
}

/// Numbers the rules of both firewalls.
pub(super) fn tokens<'a>(
    sources: &'a Sources,
    firewalls: Sides<&'a Firewall>,
    rules: Sides<&'a Rules>,
) -> Tokens {
    let mut asked = Numbers(FxHashMap::default());
    let mut reader = Reader {
        sources,
        rules,
        questions: firewalls.map(|firewall| {
            let each = firewall.unknowns.iter();
            each.map(|unknown| {
                let key = (unknown.question.as_str(), unknown.why.as_str());
                (!unknown.question.is_empty()).then(|| asked.of(key))
            })
            .collect()
        }),
        whys: firewalls.map(|firewall| firewall.unknowns.iter().map(|u| u.why.as_str()).collect()),
        circular: rules.map(|rules| circular_jumps(rules).into_iter().collect()),
        names: rules.map(|rules| {
            let each = rules.iter();
            each.map(|(id, chain)| (name(chain), id)).collect()
        }),
        meanings: Numbers(FxHashMap::default()),
        contents: Numbers(FxHashMap::default()),
        targets: FxHashMap::default(),
    };
    let chains = [0, 1].map(|side| {
        let rules = reader.rules[side];
        rules
            .iter()
            .map(|(id, chain)| reader.chain(side, id, chain, 0))
            .collect()
    });
    Tokens {
        chains,
        count: u32::try_from(reader.meanings.0.len()).unwrap_or(u32::MAX),
    }
}

/// Table, without the family that nftables puts before it, and name.
fn name(chain: &Chain) -> (&str, &str) {
    let table = chain.table.rsplit(' ').next().unwrap_or("");
    (table, &chain.name)
}

impl<'a> Reader<'a> {
    fn chain(&mut self, side: usize, id: ChainId, chain: &'a Chain, depth: usize) -> Vec<Token> {
        let mut all = Vec::new();
        for (index, rule) in (0..).zip(&chain.rules) {
            if rule.matches.is_empty() || !rule.has_effect() {
                continue;
            }
            let own = self.own(side, rule);
            let meaning = self.meaning(side, (id, index), rule, &own, depth);
            all.push(Token {
                index,
                number: self.meanings.of(meaning),
                own,
            });
        }
        all
    }

    /// The predicates of a rule that no question names.
    fn own(&self, side: usize, rule: &Rule) -> Vec<u32> {
        let all = rule.matches.iter().flat_map(|cube| cube.unknown.iter());
        let named = |p: u32| matches!(self.questions[side].get(p as usize), Some(Some(_)));
        let mut own: Vec<u32> = all.map(|(p, _)| p).filter(|&p| !named(p)).collect();
        own.sort_unstable();
        own.dedup();
        own
    }

    fn meaning(
        &mut self,
        side: usize,
        (chain, index): (ChainId, u32),
        rule: &'a Rule,
        own: &[u32],
        depth: usize,
    ) -> Meaning {
        let questions = &self.questions[side];
        let number = |p: u32| match own.binary_search(&p) {
            Ok(at) => OWN.saturating_add(u32::try_from(at).unwrap_or(u32::MAX)),
            Err(_) => questions.get(p as usize).copied().flatten().unwrap_or(p),
        };
        let renumbered = rule.matches.iter().map(|cube| Cube {
            unknown: cube.unknown.renumbered(number),
            ..cube.clone()
        });
        let id = crate::firewall::RuleId { chain, index };
        let circular = self.circular[side].contains(&id);
        let open = circular || matches!(rule.action, Action::Opaque { .. }) || !own.is_empty();
        let whys = own.iter();
        let whys = whys.filter_map(|&p| self.whys[side].get(p as usize));
        let open = open.then(|| {
            (
                text(self.sources, rule.span),
                whys.map(|&why| why.to_owned()).collect(),
            )
        });
        let mut meaning = Meaning {
            matches: tidy(renumbered.collect()),
            does: String::new(),
            target: None,
            open,
        };
        let effects = if rule.effects.is_empty() {
            String::new()
        } else {
            format!("{:?}", rule.effects)
        };
        match &rule.action {
            Action::Jump(to) => {
                meaning.does = "jump".into();
                meaning.target = Some(self.target(side, *to, depth));
            }
            Action::Goto(to) => {
                meaning.does = "goto".into();
                meaning.target = Some(self.target(side, *to, depth));
            }
            other => meaning.does = format!("{other:?}"),
        }
        meaning.does.push_str(&effects);
        meaning
    }

    /// Namesakes may differ in content: their rules are aligned in turn.
    fn target(&mut self, side: usize, id: ChainId, depth: usize) -> Target {
        if let Some(&known) = self.targets.get(&(side, id)) {
            return known;
        }
        let alone = Target::Own(side, id);
        let Some(chain) = self.rules[side].chain(id) else {
            return alone;
        };
        let key = name(chain);
        let target = if self.names.iter().all(|names| names.contains_key(&key)) {
            let first = self.names[0].get(&key);
            first.map_or(alone, |id| Target::Namesake(id.0))
        } else if depth >= DEEPEST {
            return alone;
        } else {
            // A chain that calls itself ends here.
            self.targets.insert((side, id), alone);
            let tokens = self.chain(side, id, chain, depth + 1);
            let numbers = tokens.iter().map(|token| token.number).collect();
            Target::Content(self.contents.of(numbers))
        };
        self.targets.insert((side, id), target);
        target
    }
}

/// Equal sets that are written differently as the same cubes, where that is cheap.
fn tidy(matches: Vec<Cube>) -> Vec<Cube> {
    match matches.len() {
        0 | 1 => matches,
        2..=MOST_TIDIED => PacketSet::from(matches).cover().cubes().to_vec(),
        _ => {
            let mut sorted = matches;
            sorted.sort();
            sorted.dedup();
            sorted
        }
    }
}

/// A line without what counts packets.
fn text(sources: &Sources, span: Span) -> String {
    let source = sources.get(span.source).map_or("", |source| source.text());
    let line = source.get(span.start as usize..span.end as usize);
    let mut words = line.unwrap_or("").split_whitespace().peekable();
    let mut text = String::new();
    while let Some(word) = words.next() {
        let number = |word: &str| word.bytes().all(|b| b.is_ascii_digit());
        let counts = match word {
            "packets" | "bytes" => words.peek().is_some_and(|next| number(next)),
            _ => false,
        };
        if counts {
            words.next();
            continue;
        }
        let counters = word.strip_prefix('[').and_then(|w| w.strip_suffix(']'));
        let counters = counters.and_then(|w| w.split_once(':'));
        if counters.is_some_and(|(packets, bytes)| number(packets) && number(bytes)) {
            continue;
        }
        text.push_str(word);
        text.push(' ');
    }
    text
}
