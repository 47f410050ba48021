//! Where a request goes whose upstream does something that needs a route, or somebody, of its own: a header says so.

use host_sim::target::UpstreamBehaviour;

use super::neighbour::{self, NEIGHBOUR};

/// The header that chooses a route.
pub(super) const ROUTE: &str = "x-route";
/// The route that soon gives up waiting.
pub(super) const IMPATIENT: &str = "impatient";
/// The route to where nobody listens.
pub(super) const NOWHERE: &str = "nowhere";
/// The route to a cluster without any host.
pub(super) const NOBODY: &str = "nobody";
/// The route that answers by itself.
pub(super) const DIRECT: &str = "direct";
/// The route that redirects clients.
pub(super) const ELSEWHERE: &str = "elsewhere";
/// The route that follows redirects of the upstream's.
pub(super) const FOLLOWS: &str = "follows";

/// The header of a request with whose upstream this happens.
pub(super) fn header(upstream: &UpstreamBehaviour) -> Option<(String, String)> {
    let route = match upstream {
        UpstreamBehaviour::Timeout => IMPATIENT,
        UpstreamBehaviour::Unreachable => NOWHERE,
        UpstreamBehaviour::NoHealthyUpstream => NOBODY,
        UpstreamBehaviour::DirectResponse => DIRECT,
        UpstreamBehaviour::Redirect => ELSEWHERE,
        UpstreamBehaviour::InternalRedirect { .. } => FOLLOWS,
        UpstreamBehaviour::Neighbour(answer) => {
            return Some((NEIGHBOUR.to_owned(), neighbour::told(answer)));
        }
        UpstreamBehaviour::Answer(_)
        | UpstreamBehaviour::Reset
        | UpstreamBehaviour::ResetAfterHeaders => return None,
    };
    Some((ROUTE.to_owned(), route.to_owned()))
}
