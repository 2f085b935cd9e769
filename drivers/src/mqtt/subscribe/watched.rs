//! Notices at once when whoever reads the messages has panicked.

use std::pin::pin;

use tokio::task::{JoinError, JoinHandle};

/// Subscribes until that is over, or until listening has panicked: then how. Whoever subscribes would not notice before the next message.
pub(super) async fn watched(
    mut listening: JoinHandle<()>,
    subscribing: impl Future<Output = ()>,
) -> Option<String> {
    let mut subscribing = pin!(subscribing);
    let mut ended = None;
    loop {
        tokio::select! {
            listened = &mut listening, if ended.is_none() => {
                let has_panicked = listened.as_ref().is_err_and(JoinError::is_panic);
                ended = Some(listened);
                if has_panicked {
                    break;
                }
            }
            () = &mut subscribing => {
                if ended.is_none() {
                    listening.abort();
                    ended = Some(listening.await);
                }
                break;
            }
        }
    }
    let error = ended?.err().filter(JoinError::is_panic)?;
    Some(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_listener_that_panics_is_noticed_though_no_further_message_comes() {
        let listening = tokio::spawn(async { panic!("a message that nobody expected") });
        let noticed = watched(listening, std::future::pending());
        let noticed = tokio::time::timeout(Duration::from_secs(4), noticed).await;
        let noticed = noticed.expect("it is noticed").unwrap();
        assert!(noticed.contains("a message that nobody expected"), "{noticed}");
        let listening = tokio::spawn(async {});
        assert_eq!(watched(listening, tokio::task::yield_now()).await, None);
        let listening = tokio::spawn(std::future::pending());
        assert_eq!(watched(listening, async {}).await, None);
    }
}
