using System.Diagnostics;
using System.Text;
using StreamRnn.Engine.Telemetry;

namespace StreamRnn.Engine.Tests.Telemetry;

[Collection(ListensToTheProcess.Name)]
public class TickTracesTests
{
    private static readonly byte[] Sampled = Encoding.ASCII.GetBytes("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");

    [Fact]
    public void Without_a_listener_nothing_is_traced()
    {
        using TickTraces traces = new();
        Assert.Null(traces.Receive(Sampled, "a"u8, out int trace));
        Assert.Equal(0, trace);
    }

    [Theory]
    [InlineData("")]
    [InlineData("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7")]
    [InlineData("00-00000000000000000000000000000000-00f067aa0ba902b7-01")]
    [InlineData("00-4bf92f3577b34da6a3ce929d0e0e473X-00f067aa0ba902b7-01")]
    [InlineData("zz-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-and-more")]
    public void A_broken_traceparent_is_no_traceparent(string traceparent)
    {
        using ActivityListener listener = Listen();
        using TickTraces traces = new();
        Assert.Null(traces.Receive(Encoding.ASCII.GetBytes(traceparent), "a"u8, out int trace));
        Assert.Equal(0, trace);
    }

    [Fact]
    public void A_flood_of_traces_ends_the_oldest_early_and_grows_nothing()
    {
        using ActivityListener listener = Listen();
        using TickTraces traces = new();
        byte[] sent = new byte[TickTraces.TraceparentBytes];

        traces.Receive(Sampled, "a"u8, out int oldest)!.Dispose();
        int newest = 0;
        for (int i = 0; i < TickTraces.Capacity; i++)
            traces.Receive(Sampled, "a"u8, out newest)!.Dispose();

        Assert.False(traces.TryPublish(oldest, "a"u8, sent));
        Assert.True(traces.TryPublish(newest, "a"u8, sent));
    }

    private static ActivityListener Listen()
    {
        ActivityListener listener = new()
        {
            ShouldListenTo = source => source.Name == WorkerMetrics.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
        };
        ActivitySource.AddActivityListener(listener);
        return listener;
    }
}
