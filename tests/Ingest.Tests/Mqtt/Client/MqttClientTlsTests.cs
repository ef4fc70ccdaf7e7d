using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging.Abstractions;
using StreamRnn.Ingest.Mqtt.Client;

namespace StreamRnn.Ingest.Tests.Mqtt.Client;

/// <summary>The client against a mosquitto that speaks TLS with a certificate of an authority made for the test.</summary>
public sealed class MqttClientTlsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("streamrnn-tls-").FullName;
    private readonly MosquittoBroker _broker;

    public MqttClientTlsTests()
    {
        DateTimeOffset now = DateTimeOffset.UtcNow;
        using ECDsa authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256), brokerKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var authorityRequest = new CertificateRequest("CN=test authority", authorityKey, HashAlgorithmName.SHA256);
        authorityRequest.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using X509Certificate2 authority = authorityRequest.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        var brokerRequest = new CertificateRequest("CN=broker", brokerKey, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        brokerRequest.CertificateExtensions.Add(names.Build());
        using X509Certificate2 certificate = brokerRequest.Create(authority, now.AddDays(-1), now.AddDays(1), [1, 2, 3, 4]);
        File.WriteAllText(In("ca.pem"), authority.ExportCertificatePem());
        File.WriteAllText(In("broker.pem"), certificate.ExportCertificatePem());
        File.WriteAllText(In("broker.key"), brokerKey.ExportPkcs8PrivateKeyPem());
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
