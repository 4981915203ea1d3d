//! A real nats-server in a folder of its own, on a free port, that is stopped with its value.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

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
        let child = Command::new(program)
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.expect("the server starts");
        let said = child.stderr.take().expect("what it says is piped");
        self.child = Some(child);
        let mut lines = BufReader::new(said).lines().map_while(Result::ok);
        let mut before = Vec::new();
        // It says when it is ready; when it ends before, there are no more lines.
        for line in lines.by_ref() {
            if line.contains("Server is ready") {
                // What it says later is read, so that it never waits for a reader.
                std::thread::spawn(move || lines.for_each(drop));
                return;
            }
            before.push(line);
        }
        panic!("the server is not ready: {}", before.join("\n"));
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
