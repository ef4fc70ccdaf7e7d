using StreamRnn.Worker.Tests.EndToEnd;

namespace StreamRnn.Worker.Tests.Verbs;

/// <summary><c>publish</c> to a real mosquitto, over every scheme.</summary>
[Collection(RealProcesses.Name), Trait("speed", "slow")]
public sealed class PublishOverUrlTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("streamrnn-publish-").FullName;

    public PublishOverUrlTests() => TestAuthority.Write(_folder);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("mqtt")]
    [InlineData("mqtts")]
    [InlineData("ws")]
    [InlineData("wss")]
    public async Task Every_message_is_confirmed(string scheme)
    {
        int port = Ports.Free();
        bool isEncrypted = scheme is "mqtts" or "wss";
        // A WebSocket listener alone does not start in mosquitto 2.0.11: the plain one is beside it.
        using MosquittoBroker mosquitto = new($"listener {port} 127.0.0.1" + (scheme[0] == 'w' ? "\nprotocol websockets" : "")
            + (isEncrypted ? $"\ncafile {In("ca.pem")}\ncertfile {In("broker.pem")}\nkeyfile {In("broker.key")}" : ""));
        using MqttPeer reader = new(mosquitto.Port, "road/#");
        string[] publish = ["publish", Samples.Path("speed_7578"), "--host", $"{scheme}://127.0.0.1:{port}", "--topic", "road/7578", "--rows", "100", "--json"];

        (int exitCode, string output, string error) = await Executable.RunAsync(isEncrypted ? [.. publish, "--ca-file", In("ca.pem")] : publish);
        Assert.Equal((0, ""), (exitCode, error));
        Assert.Contains("\"published\":100,\"confirmed\":100,\"rejected\":0,\"dropped\":0", output);
        reader.WaitFor(100, "messages");
    }

    [Fact]
    public async Task A_certificate_that_nobody_vouches_for_is_refused_over_WebSocket_too()
    {
        int port = Ports.Free();
        using MosquittoBroker mosquitto = new($"listener {port} 127.0.0.1\nprotocol websockets\ncafile {In("ca.pem")}\ncertfile {In("broker.pem")}\nkeyfile {In("broker.key")}");
        string stranger = Directory.CreateDirectory(In("stranger")).FullName;
        TestAuthority.Write(stranger);
        (int exitCode, string output, string error) = await Executable.RunAsync(
            "publish", Samples.Path("speed_7578"), "--host", $"wss://127.0.0.1:{port}", "--ca-file", Path.Combine(stranger, "ca.pem"));
        Assert.Equal((1, ""), (exitCode, output));
        Assert.Contains($"cannot connect to the broker at wss://127.0.0.1:{port}/mqtt (", error);
        Assert.Contains("certificate", error);
    }

    private string In(string name) => Path.Combine(_folder, name);
}
