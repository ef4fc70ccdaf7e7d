using System.Diagnostics;
using Microsoft.Extensions.Logging;
using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Worker.Configuration;

namespace StreamRnn.Worker.Tests.EndToEnd;

/// <summary>A worker at a real mosquitto over every way there is, with secrets that change and ports that are not the ones meant.</summary>
[Collection(RealProcesses.Name), Trait("speed", "slow")]
public sealed class BrokerTransportTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("streamrnn-transport-").FullName;
    private readonly int _other = Ports.Free();

    public BrokerTransportTests() => TestAuthority.Write(_folder);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("mqtts")]
    [InlineData("ws")]
    [InlineData("wss")]
    public void Ten_thousand_ticks_over_a_broker_that_restarts_in_the_middle_give_as_many_forecasts_without_a_gap(string scheme)
    {
        const int Streams = 100, Rows = 100;
        using MosquittoBroker mosquitto = Start(scheme);
        using WorkerInProcess worker = Connect($"{scheme}://127.0.0.1:{_other}");
        Wait.Until(() => worker.Worker.IsReady, () => $"ready; {worker.Worker.Status.Trouble}");
        using MqttPeer peer = new(mosquitto.Port, "streamrnn/#");
        using MqttPeer devices = new(mosquitto.Port);
        Play(1, Rows / 2);
        mosquitto.Stop();
        Wait.Until(() => !worker.Worker.IsReady, "the outage is noticed");
        Assert.NotNull(worker.Worker.Status.Trouble);
        mosquitto.Start();
        Play((Rows / 2) + 1, Rows);
        devices.Drain();

        Wait.Until(() => Numbers().Values.Sum(numbers => numbers.Length) == Streams * Rows, "the last forecasts", 60);
        Dictionary<string, long[]> numbers = Numbers();
        Assert.Equal(Streams, numbers.Count);
        Assert.All(numbers.Values, stream => Assert.Equal(Enumerable.Range(1, Rows).Select(n => (long)n), stream));
        Assert.Equal((Streams * Rows, Streams * Rows), (worker.Worker.Status.Stepped, worker.Worker.Status.Accepted));

        void Play(int first, int last)
        {
            for (int row = first; row <= last; row++)
                for (int stream = 0; stream < Streams; stream++)
                    devices.Publish($"plant/{stream}", $"{row}");
            devices.Client.Flush();
        }

        Dictionary<string, long[]> Numbers() => peer.Messages.Where(message => message.Topic.EndsWith("/forecast", StringComparison.Ordinal))
            .GroupBy(message => message.Topic).ToDictionary(stream => stream.Key, stream => stream.Select(message => Outputs.Number(message.Payload)).Distinct().ToArray());
    }

    [Theory]
    [InlineData("mqtts")]
    [InlineData("wss")]
    public void A_broker_with_a_certificate_of_another_authority_is_refused_in_words(string scheme)
    {
        using MosquittoBroker mosquitto = Start(scheme);
        string stranger = Directory.CreateDirectory(In("stranger")).FullName;
        TestAuthority.Write(stranger);
        using WorkerInProcess worker = Connect($"{scheme}://127.0.0.1:{_other}", mqtt => mqtt with { Tls = new TlsOptions { CaFile = Path.Combine(stranger, "ca.pem") } });
        WaitForTrouble(worker, "do not vouch for the broker's certificate (");
        Assert.Contains("certificate: the authorities of ", worker.Worker.Status.Trouble, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mqtts", "mqtt", "does this port speak TLS? add --tls")]
    [InlineData("mqtt", "mqtts", "does this port speak plain MQTT? leave TLS out")]
    [InlineData("mqtt", "ws", "For MQTT without WebSocket write mqtt://")]
    [InlineData("ws", "wss", "does this port speak TLS? Without it write ws://")]
    public void A_port_of_another_kind_is_told(string listens, string asked, string hint)
    {
        using MosquittoBroker mosquitto = Start(listens);
        using WorkerInProcess worker = Connect($"{asked}://127.0.0.1:{_other}");
        WaitForTrouble(worker, hint);
    }

    [Theory]
    [InlineData(MqttVersion.V5)]
    [InlineData(MqttVersion.V311)]
    public void A_password_changed_while_the_worker_runs_is_read_at_the_next_connect(MqttVersion version)
    {
        string users = Path.Combine(_folder, "users"), secret = Path.Combine(_folder, "secret");
        SetPassword(users, "first-secret");
        File.WriteAllText(secret, "first-secret\n");
        using MosquittoBroker mosquitto = new($"password_file {users}");
        using WorkerInProcess worker = Connect($"mqtt://127.0.0.1:{mosquitto.Port}", mqtt => mqtt with { Version = version, Username = "plant", PasswordFile = secret });
        Wait.Until(() => worker.Worker.IsReady, () => $"ready; {worker.Worker.Status.Trouble}");

        mosquitto.Stop();
        SetPassword(users, "second-secret");
        mosquitto.Start();
        WaitForTrouble(worker, $"check user plant, the password in {secret} and client id");
        Wait.Until(() => Refusals().Length == 2, "a line for each of the two links");
        File.WriteAllText(secret, "second-secret\n");
        Wait.Until(() => worker.Worker.IsReady, () => $"ready again; {worker.Worker.Status.Trouble}", 60);

        Assert.Null(worker.Worker.Status.Trouble);
        Assert.Equal(2, Refusals().Length);
        Assert.All(worker.Log.AtLeast(LogLevel.Information), line => Assert.DoesNotContain("-secret", line, StringComparison.Ordinal));

        string[] Refusals() => [.. worker.Log.AtLeast(LogLevel.Warning).Where(line => line.Contains("refuses the connection", StringComparison.Ordinal))];
    }

    private static void WaitForTrouble(WorkerInProcess worker, string words)
    {
        string? last = null;
        Wait.Until(() => (last = worker.Worker.Status.Trouble)?.Contains(words, StringComparison.Ordinal) == true, () => $"'{words}', but: {last}");
    }

    private static void SetPassword(string users, string password)
    {
        using Process set = Process.Start(new ProcessStartInfo("mosquitto_passwd", ["-b", "-c", users, "plant", password]) { RedirectStandardError = true })!;
        set.WaitForExit();
        Assert.Equal(0, set.ExitCode);
    }

    /// <summary>mosquitto 2.0.11 does not start with a WebSocket listener alone: the plain one is beside it.</summary>
    private MosquittoBroker Start(string scheme) => new($"listener {_other} 127.0.0.1"
        + (scheme.StartsWith("ws", StringComparison.Ordinal) ? "\nprotocol websockets" : "")
        + (scheme.EndsWith('s') && scheme != "ws" ? $"\ncafile {In("ca.pem")}\ncertfile {In("broker.pem")}\nkeyfile {In("broker.key")}" : ""));

    private string In(string name) => Path.Combine(_folder, name);

    private WorkerInProcess Connect(string url, Func<MqttOptions, MqttOptions>? change = null)
    {
        bool isEncrypted = url.StartsWith("mqtts", StringComparison.Ordinal) || url.StartsWith("wss", StringComparison.Ordinal);
        MqttOptions mqtt = new()
        {
            Host = url,
            ClientId = "worker",
            Tls = new TlsOptions { CaFile = isEncrypted ? In("ca.pem") : null },
            Subscriptions = [new SubscriptionOptions { Filter = "plant/#" }],
        };
        return new(new StreamRnnOptions { Mqtt = (change ?? (options => options))(mqtt), DataDir = In("data") });
    }
}
