using Microsoft.Extensions.Logging.Abstractions;
using StreamRnn.Ingest.Mqtt.Client;

namespace StreamRnn.Ingest.Tests.Mqtt.Client;

/// <summary>The client against a mosquitto that speaks TLS with a certificate of an authority made for the test.</summary>
[Trait("speed", "slow")]
public sealed class MqttClientTlsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("streamrnn-tls-").FullName;
    private readonly MosquittoBroker _broker;

    public MqttClientTlsTests()
    {
        TestAuthority.Write(_folder);
        _broker = new MosquittoBroker($"cafile {In("ca.pem")}\ncertfile {In("broker.pem")}\nkeyfile {In("broker.key")}");
    }

    public void Dispose()
    {
        _broker.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void A_broker_whose_authority_is_trusted_is_connected_to()
    {
        using BrokerLink client = Start(new MqttTlsOptions { CaFile = In("ca.pem") });
        Wait.Until(() => client.State == BrokerLinkState.Ready, $"ready ({client.LastFailure})");
    }

    [Fact]
    public void Any_other_is_not_unless_the_operator_says_so()
    {
        using (BrokerLink client = Start(new MqttTlsOptions()))
        {
            Wait.Until(() => client.LastFailure is not null, "the refusal");
            Assert.Contains("certificate", client.LastFailure);
            Assert.Equal(0, client.ConnectCount);
        }
        using BrokerLink trusting = Start(new MqttTlsOptions { AllowUntrusted = true });
        Wait.Until(() => trusting.State == BrokerLinkState.Ready, $"ready ({trusting.LastFailure})");
    }

    [Fact]
    public void A_file_that_is_not_there_is_named()
    {
        using BrokerLink client = Start(new MqttTlsOptions { CaFile = In("none.pem") });
        Wait.Until(() => client.LastFailure is not null, "the failure");
        Assert.Contains("none.pem", client.LastFailure);
    }

    [Fact]
    public void A_file_that_may_not_be_read_is_named_and_tried_again()
    {
        using BrokerLink client = Start(new MqttTlsOptions { CaFile = _folder });   // of a folder the platform says what it says of a file without rights
        Wait.Until(() => client.LastFailure is not null, "the failure");
        Assert.Contains(_folder, client.LastFailure);
        Assert.NotEqual(BrokerLinkState.Stopped, client.State);
    }

    private string In(string name) => Path.Combine(_folder, name);

    private BrokerLink Start(MqttTlsOptions tls)
    {
        var client = new BrokerLink(
            new BrokerLinkOptions { Host = "127.0.0.1", Port = _broker.Port, ClientId = "tls", Tls = tls, MinimumPause = TimeSpan.FromMilliseconds(20) },
            null, NullLogger.Instance);
        client.Start();
        return client;
    }
}
