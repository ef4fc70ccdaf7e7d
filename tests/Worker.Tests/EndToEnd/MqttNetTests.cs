using System.Globalization;
using System.Net;
using MQTTnet;
using MQTTnet.Formatter;

namespace StreamRnn.Worker.Tests.EndToEnd;

/// <summary>Devices and a reader over MQTTnet's client, at a worker with the embedded broker.</summary>
[Collection(RealProcesses.Name)]
[Trait("speed", "slow")]
public sealed class MqttNetTests : IDisposable
{
    private const int Streams = 4, TicksEach = 50;

    private readonly string _folder = Directory.CreateTempSubdirectory("streamrnn-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(MqttProtocolVersion.V311)]
    [InlineData(MqttProtocolVersion.V500)]
    public async Task Every_tick_gives_its_reader_one_forecast_and_a_kill_in_between_loses_neither_session_nor_state(MqttProtocolVersion version)
    {
        IPEndPoint broker = new(IPAddress.Loopback, Ports.Free());
        string[] arguments = ["--embedded-broker", $"{broker.Port}", "--data-dir", _folder, "--subscribe", "plant/#"];
        Dictionary<(string Topic, long N), string> forecasts = [];

        using (WorkerProcess worker = WorkerProcess.Start(arguments))
        {
            using MqttNetClient reader = await MqttNetClient.Connect(broker, version, Lasting);
            Assert.Equal(MqttClientSubscribeResultCode.GrantedQoS2, await reader.Subscribe("streamrnn/+/+/forecast", qos: 2));
            await Play(broker, version, first: 0);
            Take(reader, Streams * TicksEach);
            worker.Kill();
            await reader.Ended();
        }
        using (WorkerProcess worker = WorkerProcess.Start(arguments))
        {
            await Play(broker, version, first: TicksEach);   // while the reader is away
            using MqttNetClient reader = await MqttNetClient.Connect(broker, version, Lasting);
            Assert.True(reader.Connack.IsSessionPresent);
            Take(reader, 2 * Streams * TicksEach);
            await reader.Disconnect();
            Assert.Equal(0, worker.Terminate());
        }

        foreach (IGrouping<string, (string Topic, long N)> stream in forecasts.Keys.GroupBy(key => key.Topic))
            Assert.Equal(Enumerable.Range(1, 2 * TicksEach).Select(n => (long)n), stream.Select(key => key.N).Order());

        void Take(MqttNetClient reader, int count)
        {
            while (forecasts.Count < count)
            {
                (string topic, string payload) = reader.TakeText();
                if (!forecasts.TryAdd((topic, Outputs.Number(payload)), payload))
                    Assert.Equal(forecasts[(topic, Outputs.Number(payload))], payload);   // a repeat after the kill says the same
            }
        }
    }

    [Fact]
    public async Task Who_subscribes_to_the_status_learns_that_the_worker_is_there()
    {
        using WorkerInProcess worker = WorkerInProcess.Embedded();
        using MqttNetClient reader = await MqttNetClient.Connect(new IPEndPoint(IPAddress.Loopback, worker.Port), MqttProtocolVersion.V500);
        await reader.Subscribe("streamrnn/status");
        MqttApplicationMessage status = reader.Take().ApplicationMessage;
        Assert.Equal(("streamrnn/status", "online", true), (status.Topic, MqttNetClient.Text(status), status.Retain));
    }

    private static MqttClientOptionsBuilder Lasting(MqttClientOptionsBuilder options) =>
        options.WithClientId("reader").WithCleanStart(false).WithSessionExpiryInterval(600);

    /// <summary>Two devices, one at QoS 1 and one at QoS 2; each waits until every reading is confirmed.</summary>
    private static async Task Play(IPEndPoint broker, MqttProtocolVersion version, int first)
    {
        foreach (int qos in new[] { 1, 2 })
        {
            using MqttNetClient device = await MqttNetClient.Connect(broker, version);
            List<Task<MqttClientPublishResult>> published = [];
            for (int tick = first; tick < first + TicksEach; tick++)
            {
                for (int stream = qos - 1; stream < Streams; stream += 2)
                    published.Add(device.Publish($"plant/{stream}", string.Create(CultureInfo.InvariantCulture, $$"""{"ts":{{1_767_225_600 + (tick * 60)}},"value":{{20 + (tick % 7)}}}"""), qos));
            }
            Assert.All(await Task.WhenAll(published), result => Assert.True(result.IsSuccess, $"{result.ReasonCode}"));
        }
    }
}
