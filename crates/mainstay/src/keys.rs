//! API keys: `mst_<id>_<secret>`. The id finds the key, the secret proves it; stored is only an HMAC of the secret under the
//! installation's pepper, so that neither a copy of the database nor one of the pepper opens anything.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use mainstay_core::clock::Timestamp;
use mainstay_core::error::StoreError;
use mainstay_core::id::KeyId;
use mainstay_core::money::MicroUsd;
use mainstay_core::store::access::{KeyRecord, Keys, Role};
use mainstay_egress::Secret;
use sha2::Sha256;
use tokio::time::Instant;
use tracing::warn;
use uuid::Uuid;

use crate::config::pepper::{self, PepperError};
use crate::config::secret::SecretRef;

/// How long a key is believed without looking it up again: a revoked one is out after this.
const REMEMBERED: Duration = Duration::from_secs(2);
/// Keys that are remembered at most.
const MOST_REMEMBERED: usize = 4096;
const SECRET_BYTES: usize = 32;

/// A key about to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// Who will have it; unique.
    pub name: String,
    /// What it may do; at least one.
    pub roles: Vec<Role>,
    /// The only tenant that it reaches; `None` reaches all.
    pub tenant: Option<String>,
    /// The only agents that it reaches; empty reaches all.
    pub agents: Vec<String>,
    /// So many requests in a minute.
    pub requests_per_minute: Option<u32>,
    /// What all runs that it starts may spend in a day.
    pub usd_per_day: Option<MicroUsd>,
}

/// A key cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Its description makes no sense.
    #[error("{0}")]
    Invalid(&'static str),
    /// There is one of that name.
    #[error("there is a key `{0}` already")]
    Taken(String),
    /// The machine gives no random bytes.
    #[error("no random bytes can be had")]
    NoRandomness,
    /// The pepper cannot be had.
    #[error("the secret that key hashes are made with cannot be had")]
    Pepper(#[from] crate::config::pepper::PepperError),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes and checks keys.
pub(crate) struct Keyring {
    root: PathBuf,
    /// Where the configuration says that the pepper is.
    written: Option<SecretRef>,
    pepper: OnceLock<Secret>,
    remembered: Mutex<HashMap<KeyId, (Instant, KeyRecord)>>,
}

impl Keyring {
    /// The keyring of the installation in the folder `root`. A pepper that cannot be had is an error; one that was not made
    /// yet is looked for again when somebody comes with a key.
    pub(crate) async fn open(root: &Path, written: Option<&SecretRef>) -> Result<Self, PepperError> {
        let found = pepper::find(root, written).await?.map_or_else(OnceLock::new, OnceLock::from);
        Ok(Self { root: root.to_owned(), written: written.cloned(), pepper: found, remembered: Mutex::default() })
    }

    async fn pepper(&self) -> Option<&Secret> {
        if self.pepper.get().is_none() {
            match pepper::find(&self.root, self.written.as_ref()).await {
                Ok(found) => found.map_or((), |found| drop(self.pepper.set(found))),
                Err(error) => warn!(%error, "API keys cannot be checked"),
            }
        }
        self.pepper.get()
    }

    /// Whose key this is; `None` when it is unknown, wrong or revoked.
    pub(crate) async fn authenticate(&self, store: &dyn Keys, text: &str) -> Result<Option<KeyRecord>, StoreError> {
        let Some((id, secret)) = parse(text) else { return Ok(None) };
        let Some(pepper) = self.pepper().await else { return Ok(None) };
        let known = self.lock().get(&id).filter(|(until, _)| Instant::now() < *until).map(|(_, key)| key.clone());
        let key = match known {
            Some(key) => Some(key),
            None => store.key(id).await?,
        };
        let Some(key) = key else { return Ok(None) };
        // Constant time: what is compared is a hash that only the holder of the pepper can make.
        let is_right = mac(pepper, &secret).is_some_and(|mac| mac.verify_slice(&key.hash).is_ok());
        if !is_right || key.revoked_at.is_some() {
            return Ok(None);
        }
        self.remember(&key);
        Ok(Some(key))
    }

    fn remember(&self, key: &KeyRecord) {
        let now = Instant::now();
        let mut remembered = self.lock();
        // The first look at the store decides for how long: being used does not keep a revoked key alive.
        if remembered.get(&key.id).is_some_and(|(until, _)| now < *until) {
            return;
        }
        remembered.retain(|_, (until, _)| now < *until);
        if remembered.len() < MOST_REMEMBERED {
            remembered.insert(key.id, (now + REMEMBERED, key.clone()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<KeyId, (Instant, KeyRecord)>> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A new key: what is stored, and the text that is shown once.
pub(crate) fn make(new: NewKey, id: Uuid, at: Timestamp, pepper: &Secret) -> Result<(KeyRecord, Secret), KeyError> {
    let is_plain = |text: &str| !text.trim().is_empty() && text.len() <= 200 && !text.chars().any(char::is_control);
    if !is_plain(&new.name) || matches!(new.name.as_str(), "local" | "anonymous") {
        return Err(KeyError::Invalid("a key's name is 1 to 200 bytes of plain text, and not `local` or `anonymous`"));
    }
    if new.roles.is_empty() {
        return Err(KeyError::Invalid("a key needs a role: caller, reviewer, operator or auditor"));
    }
    if new.tenant.as_deref().is_some_and(|tenant| !is_plain(tenant)) {
        return Err(KeyError::Invalid("a tenant is 1 to 200 bytes of plain text"));
    }
    let mut secret = [0; SECRET_BYTES];
    getrandom::fill(&mut secret).map_err(|_| KeyError::NoRandomness)?;
    let hash = mac(pepper, &secret).ok_or(KeyError::NoRandomness)?.finalize().into_bytes().into();
    let text = Secret::new(format!("mst_{}_{}", id.simple(), URL_SAFE_NO_PAD.encode(secret)));
    let NewKey { name, mut roles, tenant, agents, requests_per_minute, usd_per_day } = new;
    roles.sort_unstable();
    roles.dedup();
    let id = KeyId::from_uuid(id);
    let (created_at, revoked_at) = (at, None);
    let record =
        KeyRecord { id, name, hash, roles, tenant, agents, requests_per_minute, usd_per_day, created_at, revoked_at };
    Ok((record, text))
}

fn parse(text: &str) -> Option<(KeyId, [u8; SECRET_BYTES])> {
    let (id, secret) = text.strip_prefix("mst_")?.split_once('_')?;
    let id = Some(id).filter(|id| id.len() == 32).and_then(|id| Uuid::try_parse(id).ok())?;
    let secret = URL_SAFE_NO_PAD.decode(secret).ok()?.try_into().ok()?;
    Some((KeyId::from_uuid(id), secret))
}

fn mac(pepper: &Secret, secret: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(pepper.expose().as_bytes()).ok()?;
    mac.update(secret);
    Some(mac)
}
