//! What is kept, and what is forgotten.

use super::*;

#[test]
fn it_is_bounded_and_keeps_what_is_asked_for() {
    let cache = Cache::default();
    let key = |number: usize| Key::of(&number.to_string(), Options::default());
    cache.put(key(0), 10, Arc::default());
    for number in 1..=3 * COUNT_LIMIT {
        cache.put(key(number), 10, Arc::default());
        assert!(cache.get(&key(0)).is_some(), "what is asked for stays, at {number}");
        let (count, bytes) = cache.sizes();
        assert!(count <= 2 * COUNT_LIMIT && bytes == count * 10, "{count} {bytes}");
    }
    assert!(cache.get(&key(1)).is_none(), "what is not asked for goes");
    for number in 0..1000 {
        cache.put(key(100_000 + number), TEXT_LIMIT, Arc::default());
        cache.put(key(200_000 + number), TEXT_LIMIT + 1, Arc::default());
        assert!(cache.sizes().1 <= 2 * BYTES_LIMIT);
    }
    assert!(cache.get(&key(100_999)).is_some());
    assert!(cache.get(&key(200_999)).is_none(), "a long text is not kept");
}

#[test]
fn options_are_part_of_the_key() {
    let off = Options { standard_conforming_strings: false };
    assert!(Key::of("x", off) != Key::of("x", Options::default()));
}
