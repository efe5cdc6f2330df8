from bench.search_peers import OVER_HTTP, compare


def test_systems_are_compared_by_medians_with_ours_in_the_library_and_over_http():
    times = {"groundwork": [10.0, 10.0, 90.0], OVER_HTTP: [20.0], "other": [30.0, 40.0, 50.0]}
    found = compare(times, {"groundwork": 1.0, "other": 3.0})
    assert found["other"]["p50_ms"] == 40.0
    assert found["other"]["queries_per_s"] == 25.0
    assert found["other"]["times_groundwork"] == 4.0
    assert found["other"]["times_groundwork_over_HTTP"] == 2.0
    assert found["other"]["build_s"] == 3.0


def test_ways_that_are_not_asked_over_http_are_compared_with_the_library_alone():
    found = compare({"groundwork": [5.0], "other": [15.0]}, {})
    assert found["other"]["times_groundwork"] == 3.0
    assert "times_groundwork_over_HTTP" not in found["other"]
