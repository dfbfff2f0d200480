//! Keys to the API: [`Keys`]. Never the keys themselves, only what their secret halves are checked against.

use async_trait::async_trait;
use mainstay_core::clock::Timestamp;
use mainstay_core::error::StoreError;
use mainstay_core::id::KeyId;
use mainstay_core::store::access::{KeyRecord, Keys, Role};

use crate::Store;
use crate::connection::Connection;
use crate::journal::{MAX_LIST, column, money};
use crate::operation::Operation;
use crate::value::{Row, json, values};

#[async_trait]
impl Keys for Store {
    async fn add_key(&self, key: &KeyRecord) -> Result<(), StoreError> {
        self.write(AddKey(key.clone())).await
    }

    async fn key(&self, id: KeyId) -> Result<Option<KeyRecord>, StoreError> {
        let rows = self.read(KEY, values![id.to_string()]).await?;
        rows.into_iter().next().map(key).transpose()
    }

    async fn keys(&self, limit: u32) -> Result<Vec<KeyRecord>, StoreError> {
        let rows = self.read(KEYS, values![limit.min(MAX_LIST)]).await?;
        rows.into_iter().map(key).collect()
    }

    async fn revoke_key(&self, id: KeyId, at: Timestamp) -> Result<bool, StoreError> {
        self.write(Revoke { id, at }).await
    }
}

/// The columns of [`key`], in its order.
macro_rules! columns {
    () => {
        "id, name, hash, roles, tenant, agents, requests_per_minute, usd_per_day, created_at, revoked_at"
    };
}

const KEY: &str = concat!("select ", columns!(), " from keys where id = $1");
const KEYS: &str = concat!("select ", columns!(), " from keys order by created_at desc, id desc limit $1");

fn key(row: Row) -> Result<KeyRecord, StoreError> {
    let corrupt = || StoreError::Corrupt("a key".to_owned());
    let mut row = row.of("a key");
    Ok(KeyRecord {
        id: row.parsed(|text| text.parse().ok())?,
        name: row.text()?,
        hash: row.hash()?,
        // A role that nobody knows is no role that may be left out: the key would be another one.
        roles: roles(&row.json::<Vec<String>>()?).ok_or_else(corrupt)?,
        tenant: row.maybe_text()?,
        agents: row.json()?,
        requests_per_minute: row.maybe_int()?.map(u32::try_from).transpose().map_err(|_| corrupt())?,
        usd_per_day: row.maybe_int()?.map(money),
        created_at: Timestamp(row.int()?),
        revoked_at: row.maybe_int()?.map(Timestamp),
    })
}

fn roles(words: &[String]) -> Option<Vec<Role>> {
    words.iter().map(|word| Role::parse(word)).collect()
}

struct AddKey(KeyRecord);

#[async_trait]
impl Operation for AddKey {
    type Output = ();

    async fn run(self, connection: &mut Connection<'_>) -> Result<(), StoreError> {
        let Self(key) = self;
        let roles: Vec<&str> = key.roles.iter().map(|role| role.as_str()).collect();
        let values = values![
            key.id.to_string(),
            key.name,
            key.hash,
            json("the roles of a key", &roles)?,
            key.tenant,
            json("the agents of a key", &key.agents)?,
            key.requests_per_minute,
            key.usd_per_day.map(column),
            key.created_at.0,
            key.revoked_at.map(|at| at.0),
        ];
        match connection.execute(ADD, values).await? {
            0 => Err(StoreError::Exists("a key of that name or id".to_owned())),
            _ => Ok(()),
        }
    }
}

const ADD: &str = concat!(
    "insert into keys (",
    columns!(),
    ") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing"
);

struct Revoke {
    id: KeyId,
    at: Timestamp,
}

#[async_trait]
impl Operation for Revoke {
    type Output = bool;

    async fn run(self, connection: &mut Connection<'_>) -> Result<bool, StoreError> {
        Ok(connection.execute(REVOKE, values![self.id.to_string(), self.at.0]).await? == 1)
    }
}

const REVOKE: &str = "update keys set revoked_at = coalesce(revoked_at, $2) where id = $1";
