//! Named network namespaces, deleted when the run ends.

use std::process::{Child, Command};

use anyhow::{Result, bail};

use crate::shell::Shell;

/// One machine's network.
pub struct Net<'s> {
    shell: &'s Shell,
    name: String,
}

impl<'s> Net<'s> {
    /// A new one.
    pub fn new(shell: &'s Shell, label: &str) -> Result<Self> {
        let name = format!("pwbench-{}-{label}", std::process::id());
        shell.run(shell.command("ip").args(["netns", "add", &name]))?;
        let net = Self { shell, name };
        net.ip("link set lo up\n")?;
        Ok(net)
    }

    /// Two of them with a cable between: `ADDRESS/LENGTH` of each.
    pub fn pair(shell: &'s Shell, addresses: [&str; 2]) -> Result<[Self; 2]> {
        let [one, other] = [Self::new(shell, "one")?, Self::new(shell, "other")?];
        one.cable("eth0", &other, "eth0")?;
        for (net, address) in [(&one, addresses[0]), (&other, addresses[1])] {
            net.ip(&format!("addr add {address} dev eth0\nlink set eth0 up\n"))?;
        }
        Ok([one, other])
    }

    /// A cable to another one, by the names of its ends.
    pub fn cable(&self, end: &str, other: &Self, far: &str) -> Result<()> {
        self.ip(&format!(
            "link add {end} type veth peer name {far} netns {}\n",
            other.name
        ))
    }

    /// Commands of `ip`, one a line.
    pub fn ip(&self, batch: &str) -> Result<()> {
        let mut ip = self.shell.command("ip");
        self.shell
            .pipe(ip.args(["-n", &self.name, "-batch", "-"]), batch)
            .map(drop)
    }

    /// A program inside; it may have so many files open.
    pub fn command(&self, program: &str) -> Command {
        let mut command = self.shell.command("ip");
        command.args(["netns", "exec", &self.name]);
        command.args(["prlimit", "--nofile=100000:100000", program]);
        command
    }

    /// Runs a program inside.
    pub fn run(&self, program: &str, args: &[&str]) -> Result<()> {
        self.shell.run(self.command(program).args(args))
    }
}

impl Drop for Net<'_> {
    fn drop(&mut self) {
        let mut ip = self.shell.command("ip");
        let _ = self.shell.run(ip.args(["netns", "delete", &self.name]));
    }
}

/// Something that runs meanwhile; ended with the run.
pub struct Meanwhile(Child);

impl Meanwhile {
    /// Starts it.
    pub fn start(command: &mut Command) -> Result<Self> {
        Ok(Self(command.spawn()?))
    }

    /// Ends it, and waits for that.
    pub fn end(mut self) -> Result<()> {
        let pid = self.0.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status()?;
        self.0.wait()?;
        Ok(())
    }

    /// An error when it has ended already.
    pub fn still(&mut self) -> Result<()> {
        match self.0.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("what was to run meanwhile ended: {status}"),
        }
    }
}

impl Drop for Meanwhile {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
