//! TLS of the server: who it is, and whom it lets in.
//!
//! Every file is read strictly, at the start, in a dry run and when it changes: what
//! a handshake would stumble over, or drop in silence, is one sentence that names the
//! file, the line and what to do.
//!
//! | file           | its concern                                       |
//! |----------------|---------------------------------------------------|
//! | `files`        | certificates, keys, CA, made into an identity     |
//! | `chain`        | certificates, and the key of the first            |
//! | `certificates` | a file of certificates: a chain, or CAs           |
//! | `key`          | a file with a private key                         |
//! | `encoding`     | files that are not PEM                            |
//! | `pem`          | the text of a PEM file                            |
//! | `x509`         | what a certificate says                           |
//! | `names`        | whom it is for                                    |
//! | `algorithm`    | which algorithm a key is for                      |
//! | `asn1`         | elements of DER                                   |
//! | `protocol`     | what server and channel speak                     |
//! | `fuzzing`      | all that, for a fuzzer                            |

mod algorithm;
mod asn1;
pub(crate) mod certificates;
pub(crate) mod chain;
mod encoding;
mod files;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod key;
pub(crate) mod names;
mod pem;
pub(crate) mod protocol;
mod x509;

use std::{io, path::PathBuf, time::Duration};

use tokio::sync::watch;

use self::files::Files;
pub(crate) use self::files::Identity;
use crate::{
    file,
    reload::{self, Source},
};

/// The PEM files of a TLS server.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// TLS, or plain TCP.
    pub enabled: bool,
    /// The certificate chain.
    pub certfile: Option<PathBuf>,
    /// Its private key.
    pub privkeyfile: Option<PathBuf>,
    /// The CAs whose certificates clients have to show, for mutual TLS.
    pub cafile: Option<PathBuf>,
    /// How often to look whether the files have changed; zero is never.
    pub reload_interval: Duration,
}

/// Why TLS can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Flags that contradict each other.
    #[error("{0}")]
    Flags(&'static str),
    /// A file can't be used.
    #[error(transparent)]
    File(#[from] file::Error),
    /// The system does not let the process listen for SIGHUP.
    #[error("can't listen for SIGHUP: {0}")]
    Signal(#[from] io::Error),
}

impl Settings {
    /// Checks the files, without using them.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if let Some(files) = self.files()? {
            files.load(&files.read()?)?;
        }
        Ok(())
    }

    /// The identity in the files, and every change of it; `None` is plain TCP.
    pub(crate) fn watch(&self) -> Result<Option<watch::Receiver<Identity>>, Error> {
        let Some(files) = self.files()? else {
            return Ok(None);
        };
        let hangup = reload::hangup()?;
        Ok(Some(reload::watch(files, self.reload_interval, hangup)?))
    }

    fn files(&self) -> Result<Option<Files>, Error> {
        match (self.enabled, &self.certfile, &self.privkeyfile) {
            (true, Some(cert), Some(key)) => Ok(Some(Files {
                cert: cert.clone(),
                key: key.clone(),
                ca: self.cafile.clone(),
            })),
            (true, None, _) => Err(Error::Flags("--usetls needs --certfile")),
            (true, _, None) => Err(Error::Flags("--usetls needs --privkeyfile")),
            (false, None, None) if self.cafile.is_none() => Ok(None),
            (false, ..) => Err(Error::Flags(
                "--certfile, --privkeyfile and --cafile need --usetls",
            )),
        }
    }
}
