using StreamRnn.Trainer.Evaluation;

namespace StreamRnn.Trainer.Tests;

public sealed class EventScoreTests : IDisposable
{
    private const long Hour = 3_600_000_000_000;

    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Fact]
    public void An_event_is_found_once_however_many_alarms_it_has_and_every_alarm_beside_it_is_false()
    {
        EventScore score = Of([3, 4, 9, 15], [(2, 5), (12, 13), (15, 15)], from: 0, to: 20);

        Assert.Equal(new EventScore(Events: 3, Found: 2, FalseAlarms: 1), score);
        Assert.Equal((2 / 3.0, 2 / 3.0, 2 / 3.0), (score.Precision, score.Recall, score.F1));
    }

    [Fact]
    public void Rows_that_are_not_scored_hold_neither_events_nor_alarms()
    {
        Assert.Equal(new EventScore(1, 0, 1), Of([3, 9, 15], [(2, 5), (12, 13), (14, 16)], from: 6, to: 14));
        Assert.Equal(new EventScore(1, 1, 0), Of([6], [(2, 8)], from: 6, to: 7));   // the part of it that is
    }

    [Fact]
    public void What_cannot_be_said_is_no_number_and_scores_add_up()
    {
        Assert.Equal((double.NaN, 0.0, 0.0), (Of([], [(1, 2)], 0, 5).Precision, Of([], [(1, 2)], 0, 5).Recall, Of([], [(1, 2)], 0, 5).F1));
        Assert.Equal((0.0, double.NaN), (Of([3], [], 0, 5).Precision, Of([3], [], 0, 5).Recall));
        Assert.Equal(new EventScore(3, 2, 5), new EventScore(1, 1, 2) + new EventScore(2, 1, 3));
    }

    [Fact]
    public void Events_are_found_by_path_or_by_the_name_of_the_file_where_only_one_has_it()
    {
        File.WriteAllText(_file, """{"a/x.csv": [["1970-01-01 01:00:00.000000", "1970-01-01T02:00:00Z"]], "b/y.csv": [], "c/y.csv": [["1970-01-01", "1970-01-02"]]}""");
        EventLabels labels = EventLabels.Load(_file);

        Assert.Equal([(Hour, 2 * Hour)], labels.Of("a/x.csv"));
        Assert.Equal([(Hour, 2 * Hour)], labels.Of("x.csv.gz"));
        Assert.Empty(labels.Of("b/y.csv")!);
        Assert.Null(labels.Of("y.csv"));
        Assert.Null(labels.Of("z.csv"));
    }

    [Theory]
    [InlineData("[1, 2]", "combined_windows.json")]
    [InlineData("""{"x.csv": [["1970-01-01"]]}""", "x.csv has the event [1970-01-01]")]
    [InlineData("""{"x.csv": [["1970-01-02", "1970-01-01"]]}""", "in this order")]
    [InlineData("""{"x.csv": [["yesterday", "1970-01-01"]]}""", "[yesterday, 1970-01-01]")]
    public void What_is_no_list_of_events_is_refused_by_place(string json, string reason)
    {
        File.WriteAllText(_file, json);

        InvalidDataException refused = Assert.Throws<InvalidDataException>(() => EventLabels.Load(_file));
        Assert.Contains(_file, refused.Message);
        Assert.Contains(reason, refused.Message);
    }

    private static EventScore Of(int[] alarms, (int First, int Last)[] events, int from, int to) => EventScore.Of(
        [.. Enumerable.Range(0, 20).Select(row => row * Hour)], [.. Enumerable.Range(0, 20).Select(row => alarms.Contains(row))],
        [.. events.Select(one => (one.First * Hour, one.Last * Hour))], from, to);
}
