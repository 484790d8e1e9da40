//! The settings of a store in a bucket; one section of a configuration file.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::Deserialize;

/// A bucket, and how to talk to what holds it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Config {
    /// The bucket.
    pub bucket: String,
    /// The region; without it, what the environment, the profile or the instance say, or us-east-1 where there is an
    /// endpoint.
    #[serde(default)]
    pub region: Option<String>,
    /// The address of a compatible service; Amazon's unless set.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// What every key begins with, before its owner; may be empty.
    #[serde(default)]
    pub prefix: String,
    /// `endpoint/bucket/key` in place of `bucket.endpoint/key`.
    #[serde(default)]
    pub path_style: bool,
    /// Whether the service takes the checksums that the protocol has beside its own.
    #[serde(default)]
    pub checksums: Checksums,
    /// How the service encrypts what lies there.
    #[serde(default)]
    pub encryption: Encryption,
    /// The key for `kms`; the bucket's own unless set.
    #[serde(default)]
    pub kms_key_id: Option<String>,
    /// Tags of every object, for the bucket's lifecycle rules.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The access key; without it the standard chain is asked: environment, profile, web identity, container, instance.
    #[serde(default)]
    pub access_key_id: Option<String>,
    /// Its secret.
    #[serde(default)]
    pub secret_access_key: Option<SecretString>,
    /// The profile to take from the shared files.
    #[serde(default)]
    pub profile: Option<String>,
    /// Seconds that one request may take, tried again included.
    #[serde(default = "S3Config::default_timeout_seconds")]
    pub timeout_seconds: u64,
    /// Most bytes of uploads in memory at once, by all of them together; at least one part of 5 MiB.
    #[serde(default = "S3Config::default_upload_memory_bytes")]
    pub upload_memory_bytes: u32,
}

/// Which checksums are sent and asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Checksums {
    /// What the service turns out to take at the first use.
    #[default]
    Auto,
    /// Wherever the protocol has them.
    Supported,
    /// Only where it insists on them.
    Required,
}

/// How the service encrypts what lies there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encryption {
    /// As the bucket is set up.
    #[default]
    Bucket,
    /// With the service's own keys (SSE-S3).
    Aes256,
    /// With a key of the key management service (SSE-KMS).
    Kms,
}

/// A setting that cannot work, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting} {problem}")]
pub struct InvalidConfig {
    /// The name of the setting.
    pub setting: &'static str,
    problem: String,
}

impl S3Config {
    /// A bucket with everything else as it is by default.
    pub fn new(bucket: &str) -> Self {
        Self {
            bucket: bucket.to_owned(),
            region: None,
            endpoint: None,
            prefix: String::new(),
            path_style: false,
            checksums: Checksums::default(),
            encryption: Encryption::default(),
            kms_key_id: None,
            tags: BTreeMap::new(),
            access_key_id: None,
            secret_access_key: None,
            profile: None,
            timeout_seconds: Self::default_timeout_seconds(),
            upload_memory_bytes: Self::default_upload_memory_bytes(),
        }
    }

    fn default_timeout_seconds() -> u64 {
        60
    }

    fn default_upload_memory_bytes() -> u32 {
        4 * super::PART
    }

    /// Refuses what cannot work, naming the setting.
    pub(super) fn check(&self) -> Result<(), InvalidConfig> {
        let refuse = |setting, problem: &str| Err(InvalidConfig { setting, problem: problem.to_owned() });
        if self.bucket.is_empty() {
            return refuse("bucket", "is empty; name the bucket");
        }
        if self.access_key_id.is_some() != self.secret_access_key.is_some() {
            return refuse("access_key_id", "and secret_access_key are needed together, or neither");
        }
        if self.kms_key_id.is_some() && self.encryption != Encryption::Kms {
            return refuse("kms_key_id", "needs encryption = \"kms\"");
        }
        if self.upload_memory_bytes < super::PART {
            return refuse("upload_memory_bytes", &format!("must be at least {}", super::PART));
        }
        if self.timeout_seconds == 0 {
            return refuse("timeout_seconds", "must be at least 1");
        }
        if self.tags.len() > 10 {
            return refuse("tags", "has more than the 10 tags that an object may have");
        }
        let wrong = |(key, value): &(&String, &String)| key.is_empty() || !is_tag(key, 128) || !is_tag(value, 256);
        if let Some((key, value)) = self.tags.iter().find(wrong) {
            let sign = "use letters, digits, spaces and + - = . _ : / @";
            return refuse("tags", &format!("has {key:?} = {value:?}, which S3 does not take; {sign}"));
        }
        Ok(())
    }

    /// The tags in the form of their header.
    pub(super) fn tagging(&self) -> Option<String> {
        let encode = |text: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
            text.bytes()
                .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
                .collect::<String>()
        };
        let pairs: Vec<String> =
            self.tags.iter().map(|(key, value)| format!("{}={}", encode(key), encode(value))).collect();
        (!pairs.is_empty()).then(|| pairs.join("&"))
    }
}

/// True for what may stand in the key or the value of a tag.
fn is_tag(text: &str, longest: usize) -> bool {
    text.chars().count() <= longest && text.chars().all(|sign| sign.is_alphanumeric() || " +-=._:/@".contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_reads_and_hides_its_secret() {
        let text = "bucket = \"b\"\naccess_key_id = \"id\"\nsecret_access_key = \"hush\"\nencryption = \"kms\"\n\
                    kms_key_id = \"alias/x\"\nchecksums = \"required\"\ntags = { keep = \"7 years\" }\n";
        let config: S3Config = toml::from_str(text).unwrap();
        config.check().unwrap();
        assert_eq!((config.checksums, config.encryption), (Checksums::Required, Encryption::Kms));
        assert_eq!(config.tagging().as_deref(), Some("keep=7%20years"));
        assert!(!format!("{config:?}").contains("hush"));
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        let with = |change: fn(&mut S3Config)| {
            let mut config = S3Config::new("b");
            change(&mut config);
            config.check().unwrap_err().to_string()
        };
        assert!(with(|config| config.bucket.clear()).contains("bucket"));
        assert!(with(|config| config.access_key_id = Some("id".into())).contains("secret_access_key"));
        assert!(with(|config| config.kms_key_id = Some("k".into())).contains("encryption"));
        assert!(with(|config| config.upload_memory_bytes = 1).contains("upload_memory_bytes"));
        for (key, value) in [("a & b", "1"), ("", "1"), ("a", "50 %")] {
            let mut config = S3Config::new("b");
            config.tags.insert(key.to_owned(), value.to_owned());
            assert!(config.check().unwrap_err().to_string().contains("tags"), "{key} = {value}");
        }
    }
}
