//! The recorder of metrics, and their text for Prometheus and for OpenMetrics readers.

use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use runtime::Runtime;

use crate::Error;
use crate::limits::METRICS_UPKEEP;

const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Bounds of histograms of seconds, unless one is given bounds of its own.
const SECONDS: &[f64] = &[0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];

/// The metrics of this process.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Installs the recorder that the `metrics` macros of all rooms write to. Once in a process, and first of
    /// all: what is counted before is lost.
    ///
    /// # Errors
    /// There is a recorder already.
    pub fn install() -> Result<Self, Error> {
        Ok(Self(PrometheusBuilder::new().set_buckets(SECONDS)?.install_recorder()?))
    }

    /// A recorder that nothing writes to, for tests that share a process.
    pub fn detached() -> Self {
        Self(PrometheusBuilder::new().build_recorder().handle())
    }

    /// Tidies up behind histograms until the runtime stops.
    pub(crate) fn keep_up(&self, runtime: &Runtime) {
        let (handle, inside) = (self.0.clone(), runtime.clone());
        runtime.spawn("metrics upkeep", async move {
            loop {
                tokio::select! {
                    biased;
                    () = inside.stopping() => return,
                    () = inside.sleep(METRICS_UPKEEP) => handle.run_upkeep(),
                }
            }
        });
    }

    /// The page, in the form that the reader asks for.
    pub(crate) fn page(&self, headers: &HeaderMap) -> Response {
        let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let text = self.0.render();
        if accept.contains("application/openmetrics-text") {
            let kind = [(CONTENT_TYPE, HeaderValue::from_static(OPENMETRICS))];
            return (kind, openmetrics(&text)).into_response();
        }
        ([(CONTENT_TYPE, HeaderValue::from_static(PROMETHEUS))], text).into_response()
    }
}

/// OpenMetrics names a counter's family without `_total`, has no empty lines, and marks the end.
fn openmetrics(text: &str) -> String {
    let mut page = String::with_capacity(text.len() + 16);
    for line in text.lines().filter(|line| !line.is_empty()) {
        match line.strip_prefix("# ").and_then(|comment| comment.split_once("_total ")) {
            Some((family, rest)) => {
                page.push_str("# ");
                page.push_str(family);
                page.push(' ');
                page.push_str(rest);
            }
            None => page.push_str(line),
        }
        page.push('\n');
    }
    page.push_str("# EOF\n");
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openmetrics_readers_get_families_without_total_and_an_end() {
        let text = "# HELP calls_total Calls.\n# TYPE calls_total counter\ncalls_total 3\n\n# TYPE up gauge\nup 1\n\n";
        let page = openmetrics(text);
        let expected =
            "# HELP calls Calls.\n# TYPE calls counter\ncalls_total 3\n# TYPE up gauge\nup 1\n# EOF\n";
        assert_eq!(page, expected);
    }

    #[test]
    fn each_reader_gets_the_form_that_it_asks_for() {
        let kind = |accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            Metrics::detached().page(&headers).headers()[CONTENT_TYPE].clone()
        };
        assert_eq!(kind("application/openmetrics-text;version=1.0.0,text/plain;q=0.5"), OPENMETRICS);
        assert_eq!(kind("*/*"), PROMETHEUS);
    }
}
