//! Starts and stops the services: one port each, since they are separate origins in reality.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use serde_json::{Value, json};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::connection::{Cutter, SeverableListener};
use crate::dataverse::Dataverse;
use crate::entra::{self, Entra};
use crate::faults::{Faults, FaultsCell, FaultsError};
use crate::gate::{self, Gate, Service};
use crate::linkedin::{self, Arrival, ExpectedResponse, LeadsError, LinkedIn, Notice, WebhookState};
use crate::options::Options;
use crate::reconcile::{Reconciliation, reconcile};

/// Requests in flight get so long to end when the sandbox stops.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// Webhooks are looked after so often.
const TEND_EVERY: Duration = Duration::from_secs(1);

/// Why a sandbox did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// An option lies outside its bounds.
    #[error("option {option} is {value}, must be {min} to {max}")]
    Bounds {
        /// Name of the option.
        option: &'static str,
        /// What was given.
        value: u64,
        /// Smallest allowed value.
        min: u64,
        /// Largest allowed value.
        max: u64,
    },
    /// The port and the three after it do not all exist.
    #[error("port {0} is too high, the four services need it and the three after it")]
    Port(u16),
    /// A port could not be listened on.
    #[error("cannot listen on {address} for {service}: {source}; choose another port, or 0 for any")]
    Listen {
        /// Which service.
        service: &'static str,
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
}

/// The sandbox: stand-ins for LinkedIn, Entra ID and Dataverse.
#[derive(Debug)]
pub struct Sandbox;

/// A running sandbox. Stops when dropped.
pub struct Running {
    /// LinkedIn: `/oauth/v2/*`, `/rest/*`, `/v2/userinfo`.
    pub linkedin: SocketAddr,
    /// Entra ID: `/{tenant}/oauth2/v2.0/token`.
    pub entra: SocketAddr,
    /// Dataverse: `/api/data/v9.2/*`.
    pub dataverse: SocketAddr,
    /// Control: `/_sandbox/*`, which every other port serves too.
    pub control: SocketAddr,
    services: Services,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<io::Result<()>>>,
}

/// The services, shared with the control surface. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Services {
    linkedin: Arc<LinkedIn>,
    dataverse: Dataverse,
    faults: FaultsCell,
    gates: [Arc<Gate>; 3],
}

impl Sandbox {
    /// Starts all services; they answer when this returns. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`StartError`] when an option is out of bounds or a port is taken.
    pub async fn start(options: Options) -> Result<Running, StartError> {
        options.check()?;
        let port = |at: u16| match options.port {
            0 => Ok(0),
            first => first.checked_add(at).ok_or(StartError::Port(first)),
        };
        let control = listen("the control surface", options.host, port(0)?).await?;
        let linkedin = listen("LinkedIn", options.host, port(1)?).await?;
        let entra = listen("Entra ID", options.host, port(2)?).await?;
        let dataverse = listen("Dataverse", options.host, port(3)?).await?;
        let (services, routers) = Services::new(&options, dataverse.1);

        let (stop, stopped) = watch::channel(false);
        let serve = |(listener, _): (TcpListener, SocketAddr), vendor: Router| {
            let app = crate::control::router(services.clone()).fallback_service(vendor);
            tokio::spawn(serve_until(listener, app, stopped.clone()))
        };
        let addresses = (control.1, linkedin.1, entra.1, dataverse.1);
        let [linkedin_routes, entra_routes, dataverse_routes] = routers;
        let tasks = vec![
            serve(control, Router::new()),
            serve(linkedin, linkedin_routes),
            serve(entra, entra_routes),
            serve(dataverse, dataverse_routes),
        ];
        let (control, linkedin, entra, dataverse) = addresses;
        let tasks = tasks
            .into_iter()
            // A clock that a test moves has no background of its own; the test asks for what is due.
            .chain(options.clock.is_system().then(|| tokio::spawn(tend_webhooks(services.clone(), stopped))))
            .collect();
        Ok(Running { linkedin, entra, dataverse, control, services, stop, tasks })
    }
}

async fn listen(
    service: &'static str,
    host: IpAddr,
    port: u16,
) -> Result<(TcpListener, SocketAddr), StartError> {
    let address = SocketAddr::new(host, port);
    let failed = |source| StartError::Listen { service, address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

async fn serve_until(
    listener: TcpListener,
    app: Router,
    mut stopped: watch::Receiver<bool>,
) -> io::Result<()> {
    let app = app.into_make_service_with_connect_info::<Cutter>();
    axum::serve(SeverableListener(listener), app)
        .with_graceful_shutdown(async move {
            // A closed channel means that the handle was dropped, which is a stop too.
            let _ = stopped.wait_for(|stop| *stop).await;
        })
        .await
}

/// Sends notices and challenges webhooks as the clock says, from the first subscription on.
async fn tend_webhooks(services: Services, mut stopped: watch::Receiver<bool>) -> io::Result<()> {
    let tend = async {
        services.linkedin.first_subscription().await;
        loop {
            tokio::time::sleep(TEND_EVERY).await;
            services.linkedin.challenge_webhooks(false).await;
            services.linkedin.deliver().await;
        }
    };
    tokio::select! {
        () = tend => {}
        // A closed channel means that the handle was dropped, which is a stop too.
        _ = stopped.wait_for(|stop| *stop) => {}
    }
    Ok(())
}

impl Services {
    pub(crate) fn linkedin(&self) -> &LinkedIn {
        &self.linkedin
    }

    /// The services and, in their order, the routes of LinkedIn, Entra ID and Dataverse behind their gates.
    fn new(options: &Options, dataverse: SocketAddr) -> (Self, [Router; 3]) {
        let faults = FaultsCell::default();
        let linkedin = Arc::new(LinkedIn::new(options, faults.clone()));
        let entra =
            Arc::new(Entra::new(&options.credentials, options.seed, options.clock.clone(), faults.clone()));
        let origin =
            options.dataverse_origin.as_deref().map(|origin| origin.trim_end_matches('/').to_owned());
        let origin = origin.unwrap_or_else(|| format!("http://{dataverse}"));
        entra.set_resources(vec![origin.clone(), format!("http://localhost:{}", dataverse.port())]);
        let dataverse = Dataverse::new(options.dataverse.clone(), entra.verify(), options.clock.as_now());
        dataverse.set_origin(origin);
        let gate = |service| Arc::new(Gate::new(service, options.seed, faults.clone()));
        let gates = [gate(Service::LinkedIn), gate(Service::Entra), gate(Service::Dataverse)];
        let behind =
            |router: Router, gate: &Arc<Gate>| router.layer(from_fn_with_state(Arc::clone(gate), gate::pass));
        let routers = [
            behind(linkedin::router(Arc::clone(&linkedin)), &gates[0]),
            behind(entra::router(entra), &gates[1]),
            behind(dataverse.router(), &gates[2]),
        ];
        let services = Self { linkedin, dataverse, faults, gates };
        services.set_faults(options.faults.clone());
        (services, routers)
    }

    pub(crate) fn faults(&self) -> Faults {
        Faults { dataverse: self.dataverse.faults(), ..Faults::clone(&self.faults.get()) }
    }

    fn set_faults(&self, faults: Faults) {
        self.dataverse.set_faults(faults.dataverse.clone());
        self.faults.set(faults);
    }

    pub(crate) fn patch_faults(&self, patch: &Value) -> Result<Faults, FaultsError> {
        let faults = self.faults().patched(patch)?;
        self.set_faults(faults.clone());
        Ok(faults)
    }

    pub(crate) fn stats(&self) -> Value {
        let [linkedin, entra, dataverse] = self.gates.each_ref().map(|gate| gate.stats.to_json());
        json!({
            "transport": {"linkedin": linkedin, "entra": entra, "dataverse": dataverse},
            "linkedin": self.linkedin.stats(),
            "dataverse": self.dataverse.stats(),
        })
    }

    pub(crate) fn reset(&self) {
        self.gates.iter().for_each(|gate| gate.reset());
        self.linkedin.reset();
    }

    pub(crate) fn reconcile(&self) -> Reconciliation {
        reconcile(&self.linkedin, |visit| self.dataverse.for_each_row("leads", visit))
    }

    /// The responses with the next `count` indices that can be read, as lines of JSON; `None` when there are no more
    /// indices.
    pub(crate) fn expected_lines(&self, from: u64, count: u64) -> Option<Vec<u8>> {
        let end = self.linkedin.response_count().min(from + count);
        (from < end).then(|| {
            let mut lines = Vec::new();
            for expected in (from..end).filter_map(|index| self.expected(index)) {
                // Writing into memory cannot fail, and every field of this struct can be serialised.
                let _ = serde_json::to_writer(&mut lines, &expected);
                lines.push(b'\n');
            }
            lines
        })
    }

    fn expected(&self, index: u64) -> Option<ExpectedResponse> {
        self.linkedin.known(index).filter(|known| known.readable).map(|known| known.expected)
    }
}

impl Running {
    /// The fault switches in force.
    pub fn faults(&self) -> Faults {
        self.services.faults()
    }

    /// Replaces the fault switches; counters stay. Bounds are not checked here as they are over HTTP.
    pub fn set_faults(&self, faults: Faults) {
        self.services.set_faults(faults);
    }

    /// The counters, as served at `GET /_sandbox/stats`.
    pub fn stats(&self) -> Value {
        self.services.stats()
    }

    /// What was answered in each response that can be read now, test leads included, in no particular order.
    pub fn expected(&self) -> impl Iterator<Item = ExpectedResponse> + '_ {
        (0..self.services.linkedin.response_count()).filter_map(|index| self.services.expected(index))
    }

    /// Compares the responses with the rows of `leads`, as served at `GET /_sandbox/reconcile`.
    pub fn reconcile(&self) -> Reconciliation {
        self.services.reconcile()
    }

    /// Lets responses arrive, as `POST /_sandbox/linkedin/arrive` does, but sends no notice; the ids, oldest first.
    ///
    /// # Errors
    /// [`LeadsError`] when no such owner has responses of the kind, or they cannot arrive.
    pub fn arrive(&self, arrival: &Arrival) -> Result<Vec<String>, LeadsError> {
        self.services.linkedin.arrive(arrival)
    }

    /// Withdraws a response, as `POST /_sandbox/linkedin/withdraw` does, but sends no notice.
    ///
    /// # Errors
    /// [`LeadsError`] when there is no such response, or it was withdrawn before.
    pub fn withdraw(&self, id: &str) -> Result<(), LeadsError> {
        self.services.linkedin.withdraw(id)
    }

    /// Lets a member withdraw a response and give it again, as `POST /_sandbox/linkedin/reregister` does, but sends no
    /// notice.
    ///
    /// # Errors
    /// [`LeadsError`] when there is no such response.
    pub fn reregister(&self, id: &str) -> Result<(), LeadsError> {
        self.services.linkedin.register_again(id)
    }

    /// The notices with a number above `after` in the order of sending; with `all`, those too that nobody has subscribed
    /// to. At most 10,000, those with the lowest numbers. As served at `GET /_sandbox/linkedin/notices`.
    pub fn notices(&self, after: u64, all: bool) -> Vec<Notice> {
        self.services.linkedin.notices(after, all)
    }

    /// Sends the notices that are due, each with three seconds to be acknowledged.
    pub async fn deliver(&self) {
        self.services.linkedin.deliver().await;
    }

    /// How the webhooks stand.
    pub fn webhooks(&self) -> Vec<WebhookState> {
        self.services.linkedin.webhooks()
    }

    /// Challenges the webhooks whose two hours are over, or with `all` every one, blocked ones included.
    pub async fn challenge_webhooks(&self, all: bool) -> Vec<WebhookState> {
        self.services.linkedin.challenge_webhooks(all).await
    }

    /// The Dataverse service, to look at its rows.
    pub fn dataverse_handle(&self) -> Dataverse {
        self.services.dataverse.clone()
    }

    /// Stops all services. Requests in flight get five seconds to end.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        for mut task in std::mem::take(&mut self.tasks) {
            // A service that failed has stopped, which is what was wanted.
            if tokio::time::timeout(STOP_GRACE, &mut task).await.is_err() {
                task.abort();
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}
