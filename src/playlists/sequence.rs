//! The order in which a play list is heard.

use jiff::civil::Date;
use sha2::{Digest, Sha256};
use voicemill_types::PromptId;

use crate::playlists::{PlayOrder, Playlist};

/// What is heard, one after the other: the introduction, then the tracks, with a message wherever the interval is over at the end of
/// a track. `duration_ms` tells the length of what can be played, and nothing of what cannot, which is left out.
///
/// Shuffled tracks are in an order of the day, so that whoever asks twice on one gets the same.
pub fn sequence(playlist: &Playlist, day: Date, duration_ms: impl Fn(PromptId) -> Option<i64>) -> Vec<PromptId> {
    let playable =
        |ids: &[PromptId]| -> Vec<PromptId> { ids.iter().copied().filter(|id| duration_ms(*id).is_some()).collect() };
    let mut tracks = playable(&playlist.tracks);
    if playlist.order == PlayOrder::Shuffle {
        tracks.sort_by_cached_key(|id| {
            let mut digest = Sha256::new();
            digest.update(playlist.id.0.as_bytes());
            digest.update(day.to_string());
            digest.update(id.0.as_bytes());
            digest.finalize().to_vec()
        });
    }
    let messages = playable(&playlist.messages);
    let interval_ms = playlist.message_interval_seconds.saturating_mul(1_000);
    let mut heard: Vec<PromptId> = playable(playlist.introduction.as_slice());
    let (mut since_ms, mut said) = (0_i64, 0);
    for track in tracks {
        heard.push(track);
        since_ms = since_ms.saturating_add(duration_ms(track).unwrap_or(0));
        if since_ms >= interval_ms && !messages.is_empty() {
            heard.push(messages[said % messages.len()]);
            said += 1;
            since_ms = 0;
        }
    }
    // Where the music is shorter than the interval, each message is still heard once a round.
    heard.extend(messages.iter().skip(said));
    heard
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use jiff::civil::date;
    use voicemill_types::{DomainId, Time};

    use super::*;

    fn list(tracks: usize, messages: usize) -> Playlist {
        let ids = |count| (0..count).map(|_| PromptId::new()).collect();
        Playlist {
            tracks: ids(tracks),
            messages: ids(messages),
            introduction: Some(PromptId::new()),
            message_interval_seconds: 60,
            ..Playlist::first(DomainId::new(), "lobby", Time::from_microseconds(0))
        }
    }

    #[test]
    fn the_introduction_comes_first_and_a_message_when_its_time_has_come() {
        let list = list(5, 2);
        let heard = sequence(&list, date(2026, 11, 30), |_| Some(40_000));
        let (tracks, messages) = (&list.tracks, &list.messages);
        let wanted = [
            list.introduction.unwrap(),
            tracks[0],
            tracks[1],
            messages[0],
            tracks[2],
            tracks[3],
            messages[1],
            tracks[4],
        ];
        assert_eq!(heard, wanted);
    }

    #[test]
    fn no_message_is_left_out_because_the_music_is_short() {
        let list = list(1, 3);
        let heard = sequence(&list, date(2026, 11, 30), |_| Some(1_000));
        assert_eq!(heard[1..], [list.tracks.clone(), list.messages.clone()].concat());
        assert_eq!(sequence(&list, date(2026, 11, 30), |_| None), [], "nothing can be played yet");
    }

    #[test]
    fn a_shuffled_list_has_every_track_once_in_an_order_of_the_day() {
        let list = Playlist { order: PlayOrder::Shuffle, messages: Vec::new(), ..list(10, 0) };
        let on = |day| sequence(&list, date(2026, 11, day), |_| Some(40_000));
        assert_eq!(on(1), on(1));
        let orders: HashSet<_> = (1..=10).map(on).collect();
        assert!(orders.len() > 5, "another order from day to day");
        for order in orders {
            let tracks: HashSet<_> = order[1..].iter().collect();
            assert_eq!((order.len(), tracks.len()), (11, 10));
        }
    }
}
