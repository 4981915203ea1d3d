//! A real nats-server in a folder of its own, on a free port, that is stopped with its value.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server.
pub(crate) struct Server {
    pub(crate) folder: TempDir,
    pub(crate) port: u16,
    child: Option<Child>,
}

/// Ports that nobody uses.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let free = [(); N].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"));
    free.each_ref().map(|free| free.local_addr().expect("its address").port())
}

/// Where the program is. `make test` says it.
pub(crate) fn program() -> PathBuf {
    let said = std::env::var_os("NATS_SERVER_BIN").filter(|said| !said.is_empty());
    said.expect("NATS_SERVER_BIN names nats-server: `make nats-there` installs it").into()
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with("")
    }

    /// With more lines in its configuration.
    pub(crate) fn with(extra: &str) -> Self {
        let [port] = free_ports();
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let text = format!(
            "listen: 127.0.0.1:{port}\n\
             jetstream {{ store_dir: {data:?}, max_mem: 64M, max_file: 1G }}\n{extra}"
        );
        let mut server = Self { folder, port, child: None };
        server.configure("nats.conf", &text);
        server.again();
        server
    }

    /// One that is configured by files, and does not run yet.
    pub(crate) fn of_files(port: u16, files: &[(&str, String)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Self { folder, port, child: None };
        for (name, text) in files {
            server
                .configure(name, &text.replace("/var/lib/nats", &server.data().to_string_lossy()));
        }
        server
    }

    fn configure(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).expect("its configuration");
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Starts it, when it does not run.
    pub(crate) fn again(&mut self) {
        self.run(&program());
    }

    pub(crate) fn run(&mut self, program: &Path) {
        let folder = self.folder.path();
        let file = folder.join("nats.conf");
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(folder.join("log"))
            .expect("its log");
        let child = Command::new(program)
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the server starts");
        self.child = Some(child);
        let begun = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            assert!(begun.elapsed() < PATIENCE, "the server does not listen: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills it: nothing is written any more.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it can be killed");
            child.wait().expect("it ends");
        }
    }

    /// The folder with its streams.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
