//! Where a host sends packets of one family: what is local, and which interface leads where.

use crate::packet::{IfName, Ranges};

/// What a host's routing does with destinations.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Routing {
    /// Destinations that are the host's own: addresses, broadcast, its local routes.
    pub local: Ranges<u128>,
    /// Destinations that are certainly not its own.
    pub elsewhere: Ranges<u128>,
    /// Routes to other hosts, in any order; none when they are not known.
    pub routes: Vec<Route>,
}

/// One route of the main table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// First and last destination.
    pub destinations: (u128, u128),
    /// The interface that leads there; none when packets are refused (blackhole, unreachable,
    /// prohibit, throw).
    pub by: Option<IfName>,
    /// Among routes to the same destinations the smallest is used.
    pub metric: u32,
}

/// Where packets go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// To the host itself.
    Local,
    /// To another host by this interface.
    By(IfName),
    /// Not known, or refused.
    Unknown,
}

impl Routing {
    /// Where packets to any of these destinations go, when it is the same for all.
    #[must_use]
    pub fn way(&self, destinations: &Ranges<u128>) -> Way {
        if destinations.is_subset(&self.local) {
            return Way::Local;
        }
        if !destinations.is_subset(&self.elsewhere) {
            return Way::Unknown;
        }
        let mut found = None;
        for &(lo, hi) in destinations.intervals() {
            let best = self
                .routes
                .iter()
                .filter(|route| route.destinations.0 <= lo && lo <= route.destinations.1)
                .min_by_key(|route| (route.destinations.1 - route.destinations.0, route.metric));
            let Some(by) = best.and_then(|route| Some((route, route.by?))) else {
                return Way::Unknown;
            };
            // Nothing more specific begins inside of the interval.
            let split = self.routes.iter().any(|route| {
                let (first, last) = route.destinations;
                lo < first && first <= hi || lo <= last && last < hi
            });
            if split || hi > by.0.destinations.1 || found.is_some_and(|known| known != by.1) {
                return Way::Unknown;
            }
            found = Some(by.1);
        }
        found.map_or(Way::Unknown, Way::By)
    }
}
