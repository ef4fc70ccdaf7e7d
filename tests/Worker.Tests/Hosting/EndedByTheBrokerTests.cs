using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using StreamRnn.Ingest.Mqtt.Broker;
using StreamRnn.Ingest.Mqtt.Client;

namespace StreamRnn.Worker.Tests.Hosting;

/// <summary>A worker that its broker will not have says so and ends with 1; it does not sit there, never ready.</summary>
[Trait("speed", "slow")]
public class EndedByTheBrokerTests
{
    [Theory]
    [InlineData("")]
    [InlineData("-out")]
    public async Task Another_client_with_its_client_id_ends_it(string connection)
    {
        using MqttBroker broker = Start(new MqttBrokerOptions { Port = 0 });
        string id = "worker-" + Guid.NewGuid().ToString("N");
        Process worker = Executable.Start(["run", "--host", "127.0.0.1", "--port", $"{broker.EndPoint!.Port}"],
            environment: new Dictionary<string, string> { ["StreamRnn__Mqtt__ClientId"] = id });
        Assert.True(SpinWait.SpinUntil(() => broker.SessionCount == 2 || worker.HasExited, TimeSpan.FromSeconds(30)), "the worker connects");

        using BrokerLink other = new(
            new BrokerLinkOptions { Host = "127.0.0.1", Port = broker.EndPoint.Port, ClientId = id + connection }, null, NullLogger.Instance);
        other.Start();
        (int exitCode, _, string error) = await Executable.FinishAsync(worker);

        Assert.Equal(1, exitCode);
        string said = $"another client connected as {id}; give each worker a Mqtt:ClientId of its own";
        Assert.Contains(error.Split('\n'), line => line.StartsWith("streamrnn: ", StringComparison.Ordinal) && line.TrimEnd().EndsWith(said, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_refused_password_ends_it_with_the_settings_to_look_at()
    {
        using MqttBroker broker = Start(new MqttBrokerOptions { Port = 0, UserName = "plant", Password = "secret" });
        (int exitCode, _, string error) = await Executable.RunAsync("run", "--host", "127.0.0.1", "--port", $"{broker.EndPoint!.Port}");

        Assert.Equal(1, exitCode);
        // Not always the last line: its other connection may still have something to say.
        Assert.Matches(@"(?m)^streamrnn: mqtt://127\.0\.0\.1:\d+: the broker refuses us: \w+; Mqtt:Username and Mqtt:PasswordFile are not set\r?$", error);
        Assert.DoesNotContain("Trying again", error);   // it does not
    }

    private static MqttBroker Start(MqttBrokerOptions options)
    {
        MqttBroker broker = new(options);
        broker.Start();
        return broker;
    }
}
