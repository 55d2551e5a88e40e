//! Where a domain's server is: SRV records in their order, else the domain itself (RFC 6120 §3.2, XEP-0368).

use std::net::IpAddr;

use super::network::{LookupError, Network, Service};

/// The port of servers with STARTTLS (RFC 6120 §14.7).
pub(crate) const PORT: u16 = 5269;
/// Servers of one domain that are tried, in targets.
const TARGETS_MAX: usize = 8;
/// Addresses of one server that are tried.
const ADDRESSES_MAX: usize = 4;

/// The service with STARTTLS (RFC 6120 §3.2.1).
pub(crate) const STARTTLS_SERVICE: &str = "_xmpp-server._tcp";
/// The service with direct TLS (XEP-0368 §3).
pub(crate) const DIRECT_SERVICE: &str = "_xmpps-server._tcp";

/// One server of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// TLS from the first byte.
    pub(crate) direct: bool,
}

/// What the name service says of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// These, the first to be tried first.
    Services(Vec<Target>),
    /// There are no such records: the domain itself is the server.
    Fallback(Target),
    /// It says clearly that there is no such service (RFC 2782: the target `.`).
    Declined,
}

/// Asks for both services at once; a lookup that fails is no reason to believe that there are none.
pub(crate) async fn find(
    network: &dyn Network,
    domain: &str,
    mut random: impl FnMut(u64) -> u64,
) -> Result<Found, LookupError> {
    if domain.parse::<IpAddr>().is_ok() {
        return Ok(Found::Fallback(fallback(domain)));
    }
    let (starttls, direct) = (format!("{STARTTLS_SERVICE}.{domain}"), format!("{DIRECT_SERVICE}.{domain}"));
    let (starttls, direct) = futures::join!(network.services(&starttls), network.services(&direct));
    let mut services: Vec<(bool, Service)> = Vec::new();
    let mut failed = None;
    for (is_direct, found) in [(false, starttls), (true, direct)] {
        match found {
            Ok(found) => services.extend(found.into_iter().map(|service| (is_direct, service))),
            Err(LookupError::NotFound) => {}
            Err(error) => failed = Some(error),
        }
    }
    if services.is_empty() {
        return match failed {
            Some(error) => Err(error),
            None => Ok(Found::Fallback(fallback(domain))),
        };
    }
    services.retain(|(_, service)| !matches!(service.target.as_str(), "." | ""));
    if services.is_empty() {
        return Ok(Found::Declined);
    }
    Ok(Found::Services(order(services, &mut random)))
}

fn fallback(domain: &str) -> Target {
    Target { host: domain.to_owned(), port: PORT, direct: false }
}

/// By priority, and among equals by chance in proportion to their weight (RFC 2782). Both services are one list
/// (XEP-0368 §2). `random` gives a number below its argument.
fn order(mut services: Vec<(bool, Service)>, random: &mut dyn FnMut(u64) -> u64) -> Vec<Target> {
    // Those without weight go first, so that they have a very small chance.
    services.sort_by_key(|(_, service)| (service.priority, service.weight));
    let mut ordered = Vec::with_capacity(services.len());
    while let Some(priority) = services.first().map(|(_, service)| service.priority) {
        let equals = services.iter().take_while(|(_, service)| service.priority == priority).count();
        let total: u64 = services[..equals].iter().map(|(_, service)| u64::from(service.weight)).sum();
        let chosen = random(total + 1);
        let mut sum = 0;
        let place = services[..equals].iter().position(|(_, service)| {
            sum += u64::from(service.weight);
            sum >= chosen
        });
        let (direct, service) = services.remove(place.unwrap_or(0));
        ordered.push(Target {
            host: service.target.trim_end_matches('.').to_owned(),
            port: service.port,
            direct,
        });
    }
    ordered.truncate(TARGETS_MAX);
    ordered
}

/// The addresses of a server, both families in the order of the resolver.
pub(crate) async fn addresses(network: &dyn Network, host: &str) -> Result<Vec<IpAddr>, LookupError> {
    if let Ok(address) = host.parse() {
        return Ok(vec![address]);
    }
    let mut found = network.addresses(host).await?;
    found.truncate(ADDRESSES_MAX);
    if found.is_empty() { Err(LookupError::NotFound) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(priority: u16, weight: u16, target: &str) -> (bool, Service) {
        (false, Service { priority, weight, port: 5269, target: target.to_owned() })
    }

    fn names(services: Vec<(bool, Service)>, random: &mut dyn FnMut(u64) -> u64) -> Vec<String> {
        order(services, random).into_iter().map(|target| target.host).collect()
    }

    #[test]
    fn a_lower_priority_goes_first() {
        let services = vec![service(20, 0, "c"), service(5, 0, "a"), service(10, 9, "b.")];
        assert_eq!(names(services, &mut |_| 0), ["a", "b", "c"]);
    }

    #[test]
    fn weights_share_the_chance() {
        let services = || vec![service(1, 60, "heavy"), service(1, 20, "light"), service(1, 20, "lighter")];
        let mut first = std::collections::BTreeMap::new();
        for number in 0..=100 {
            let name = names(services(), &mut |below| number.min(below - 1)).remove(0);
            *first.entry(name).or_insert(0) += 1;
        }
        assert_eq!((first["heavy"], first["light"], first["lighter"]), (60, 21, 20));
    }

    #[test]
    fn both_services_are_one_list() {
        let mut direct = service(1, 0, "direct");
        direct.0 = true;
        let targets = order(vec![service(2, 0, "plain"), direct], &mut |_| 0);
        assert_eq!((targets[0].direct, targets[1].direct), (true, false));
    }

    #[test]
    fn a_long_list_is_cut() {
        let services = (0..50).map(|n| service(n, 0, "a")).collect();
        assert_eq!(names(services, &mut |_| 0).len(), TARGETS_MAX);
    }
}
