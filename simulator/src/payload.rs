//! An MQTT message as a wireless device would send it: pure, from what its points show to JSON and back.

use model::{Address, Profile, Value};
use serde_json::{Map, Value as Json};

use crate::encode;

/// A message under construction; several devices may put theirs into one.
#[derive(Debug, Default)]
pub(crate) struct Payload(Json);

impl Payload {
    /// Puts what a device's points show at their pointers.
    pub(crate) fn put(&mut self, profile: &Profile, shown: &[Value]) {
        for (point, value) in profile.points.iter().zip(shown) {
            if let Address::Pointer(pointer) = &point.address {
                *place(&mut self.0, pointer) = encode::json(point, value);
            }
        }
    }

    /// What a right reader takes from it for a device of that profile.
    pub(crate) fn values(&self, profile: &Profile) -> Vec<(String, Value)> {
        let points = profile.points.iter().filter_map(|point| {
            let Address::Pointer(pointer) = &point.address else {
                return None;
            };
            Some((
                point.name.clone(),
                encode::value_of_json(point, self.0.pointer(pointer)?)?,
            ))
        });
        points.collect()
    }

    /// Its bytes.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0.to_string().into_bytes()
    }
}

/// The place of a JSON pointer (RFC 6901); objects on the way are made, for a reader finds `/0` in an object as well as in an array.
fn place<'json>(mut json: &'json mut Json, pointer: &str) -> &'json mut Json {
    for token in pointer.split('/').skip(1) {
        let key = token.replace("~1", "/").replace("~0", "~");
        if !json.is_object() {
            *json = Json::Object(Map::new());
        }
        json = match json {
            Json::Object(object) => object.entry(key).or_insert(Json::Null),
            other => other,
        };
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_at_their_pointers() {
        let mut json = Json::Null;
        *place(&mut json, "/car/floor") = Json::from(3);
        *place(&mut json, "/car/door") = Json::from(true);
        *place(&mut json, "/a~1b/0") = Json::from(1.5);
        assert_eq!(
            json.to_string(),
            r#"{"car":{"floor":3,"door":true},"a/b":{"0":1.5}}"#
        );
        assert_eq!(json.pointer("/a~1b/0"), Some(&Json::from(1.5)));
        *place(&mut json, "") = Json::from(7);
        assert_eq!(json.to_string(), "7");
    }
}
