using StreamRnn.Engine.Publish;
using StreamRnn.Engine.Recovery;
using StreamRnn.Engine.Tests.Stepping;
using StreamRnn.Engine.Tests.Storage;

namespace StreamRnn.Engine.Tests.Recovery;

public sealed class StateReaderTests
{
    [Fact]
    public void A_stream_that_was_reset_is_read_as_new()
    {
        FaultyFiles files = new();
        DurableEngine engine = new(files, shards: 2, []);
        for (int i = 0; i < 50; i++)
            engine.Send(null, null, 0, $"t{i % 5}", $"{i}", qos: 0);
        engine.Reset("t3");
        FaultyFiles left = files.AfterKill();
        StateReader states = new(left, _ => new ChainForecaster());
        Assert.Equal(5, states.Streams.Count());
        foreach (int stream in states.Streams)
        {
            Assert.Equal((10, states.Name(stream) == "t3"), (states.ModelOf(stream).StepsOf(states.RowOf(stream)), states.RowOf(stream)[1] == 0.5f));
            Assert.Equal(states.Name(stream) == "t3", states.WatchOf(stream) is null);
        }
        engine.Dispose();
    }

    [Theory, InlineData(false), InlineData(true)]
    public void The_last_step_of_every_stream_is_what_left_last(bool stoppedInOrder)
    {
        List<Forecast> outputs = [];
        FaultyFiles files = new();
        DurableEngine engine = new(files, shards: 2, outputs);
        for (int i = 0; i < 500; i++)
            engine.Send(null, null, 0, $"t{i % 7}", $"{i}", qos: 0);
        if (stoppedInOrder)
            engine.Stop();
        else
            Wait.Until(() => engine.Published == 500, "every forecast");
        FaultyFiles left = files.AfterKill();
        string[] names = [.. left.List()];

        StateReader states = new(left, _ => new ChainForecaster());
        int[] known = [.. states.Streams.Where(stream => states.WatchOf(stream) is not null)];
        Assert.Equal(7, states.Streams.Count());
        Assert.NotEmpty(known);
        foreach (int stream in known)
        {
            Forecast last = outputs.Last(output => output.Stream == stream);
            StepSeen step = states.WatchOf(stream)!.Last;
            Assert.Equal((last.Time, last.Value, last.Verdict.N, last.Verdict.Next), (step.Time, step.Value, step.Verdict.N, step.Verdict.Next));
        }
        Assert.Equal(names, left.List());
        if (!stoppedInOrder)
            engine.Dispose();
    }
}
