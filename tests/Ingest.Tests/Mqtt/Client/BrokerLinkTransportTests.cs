using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using StreamRnn.Ingest.Mqtt.Client;
using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Ingest.Tests.Mqtt.Client;

/// <summary>WebSocket, proxy and authentication, and ports that are not the ones meant, against ends that a test plays by hand.</summary>
public sealed class BrokerLinkTransportTests : IDisposable
{
    private readonly FakeWebServer _web = new();
    private readonly FakeBroker _broker = new();
    private readonly CapturedLog _log = new();
    private readonly FakeTimeProvider _clock = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("streamrnn-link-").FullName;

    public void Dispose()
    {
        _web.Dispose();
        _broker.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void A_WebSocket_is_opened_with_path_query_subprotocol_and_headers_and_frames_need_not_fit_packets()
    {
        BrokerLinkOptions options = At($"ws://127.0.0.1:{_web.Port}/broker?token=1");
        using BrokerLink link = Start(options with { WebSocket = options.WebSocket! with { Headers = new Dictionary<string, string> { ["X-Plant"] = "7" } } });
        (Socket socket, string request) = _web.AcceptWebSocket();
        using (socket)
        {
            Assert.StartsWith("GET /broker?token=1 HTTP/1.1", request);
            Assert.Contains("Sec-WebSocket-Protocol: mqtt\r\n", request);
            Assert.Contains("X-Plant: 7\r\n", request);
            Assert.Equal(0x10, FakeWebServer.Read(socket)[0]);
            FakeWebServer.Send(socket, FakeWebServer.Binary, 0x20, 3);
            FakeWebServer.Send(socket, FakeWebServer.Binary);   // an empty message is no end
            FakeWebServer.Send(socket, FakeWebServer.Binary, 0, 0, 0);
            Wait.Until(() => link.State == BrokerLinkState.Ready, $"ready ({link.LastFailure})");
            link.Publish(new MqttPublish { Topic = "t"u8, Payload = "5"u8, Qos = 1 });
            link.Flush();
            Assert.Equal([0x32, 7, 0, 1, (byte)'t', 0, 1, 0, (byte)'5'], FakeWebServer.Read(socket));
            FakeWebServer.Send(socket, FakeWebServer.Binary, 0x40, 2, 0, 1);
            Wait.Until(() => link.ConfirmedCount == 1, "the confirmation");
            link.Stop();
            Assert.Equal(0xE0, FakeWebServer.Read(socket)[0]);
        }
    }

    [Fact]
    public void A_web_server_without_MQTT_at_this_path_is_named_by_its_answer()
    {
        using BrokerLink link = Start(At($"ws://127.0.0.1:{_web.Port}/nowhere?token=secret"));
        using Socket socket = _web.Accept().Socket;
        FakeWebServer.Answer(socket, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        AssertFails(link, "the web server answers 404; is /nowhere the path of MQTT there");
        Assert.DoesNotContain("secret", link.LastFailure);
    }

    [Fact]
    public void Text_frames_end_the_connection()
    {
        using BrokerLink link = Start(At($"ws://127.0.0.1:{_web.Port}"));
        using Socket socket = _web.AcceptWebSocket().Socket;
        FakeWebServer.Read(socket);
        FakeWebServer.Send(socket, FakeWebServer.Text, 0x20, 3, 0, 0, 0);
        Assert.True(FakeWebServer.IsClosed(socket));
        AssertFails(link, "the broker sent text");
        Assert.Equal(0, link.ConnectCount);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_WebSocket_closed_in_mid_packet_is_a_lost_connection(bool closesProperly)
    {
        using BrokerLink link = Start(At($"ws://127.0.0.1:{_web.Port}"));
        using (Socket socket = _web.AcceptWebSocket().Socket)
        {
            FakeWebServer.Read(socket);
            FakeWebServer.Send(socket, FakeWebServer.Binary, 0x20, 3, 0, 0, 0, 0x30, 5, 0, 1);
            Wait.Until(() => link.State == BrokerLinkState.Ready, "ready");
            if (closesProperly)
                FakeWebServer.Send(socket, FakeWebServer.CloseFrame, 3, 0xE8);
        }
        AssertFails(link, "the broker closed the connection");
        using Socket again = _web.AcceptWebSocket().Socket;
        Assert.Equal(0x10, FakeWebServer.Read(again)[0]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_proxy_is_asked_for_a_tunnel(bool refuses)
    {
        using BrokerLink link = Start(Options() with { Host = "broker.invalid", Proxy = new Uri($"http://127.0.0.1:{_web.Port}") });
        (Socket socket, string request) = _web.Accept();
        using (socket)
        {
            Assert.StartsWith($"CONNECT broker.invalid:{_broker.Port} HTTP/1.1\r\nHost: broker.invalid:{_broker.Port}\r\n", request);
            if (refuses)
            {
                FakeWebServer.Answer(socket, "HTTP/1.1 403 Forbidden\r\n\r\n");
                AssertFails(link, "opens no way to broker.invalid");
                return;
            }
            FakeWebServer.Answer(socket, "HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n");
            byte[] connect = new byte[1024];
            Assert.True(socket.Receive(connect) > 10 && connect[0] == 0x10);
            socket.Send([0x20, 3, 0, 0, 0]);
            Wait.Until(() => link.State == BrokerLinkState.Ready, "ready");
        }
    }

    [Fact]
    public void Password_and_token_are_read_at_every_connect()
    {
        string password = Path.Combine(_folder, "password"), token = Path.Combine(_folder, "token");
        File.WriteAllText(token, "t1\n");
        File.WriteAllText(password, "");
        using BrokerLink link = Start(Options() with { Username = "u", PasswordFile = password, Authentication = new MqttAuthenticationOptions("JWT", token) });
        AssertFails(link, $"{password} is empty; is the secret mounted?");
        File.WriteAllText(password, "p1\r\n");
        using (FakeConnection connection = _broker.AcceptAndWelcome(false, false))
            Assert.Equal(("p1", "JWT", "t1"), Secrets(connection.Connect));
        File.WriteAllText(password, "p2");
        File.WriteAllText(token, "t2");
        using FakeConnection again = _broker.AcceptAndWelcome(true, false);
        // The link may have come back with what the files held a moment before.
        if (Secrets(again.Connect) == ("p2", "JWT", "t2"))
            return;
        again.Dispose();
        using FakeConnection third = _broker.AcceptAndWelcome(true, false);
        Assert.Equal(("p2", "JWT", "t2"), Secrets(third.Connect));
    }

    [Fact]
    public void A_method_that_asks_for_another_step_is_told()
    {
        using BrokerLink link = Start(Options() with { Authentication = new MqttAuthenticationOptions("SCRAM", null) });
        using FakeConnection connection = _broker.Accept();
        connection.Send(0xF0, 2, 0x18, 0);
        AssertFails(link, "another step of the authentication SCRAM");
    }

    [Fact]
    public void TLS_offers_the_protocols_and_the_certificate_of_the_files_as_they_are()
    {
        TestAuthority.Write(_folder);
        string broker = In("broker.pem"), key = In("broker.key"), own = In("own.pem"), ownKey = In("own.key");
        using X509Certificate2 certificate = X509Certificate2.CreateFromPemFile(broker, key);
        using BrokerLink link = Start(Options() with
        {
            Port = _web.Port,
            Tls = new MqttTlsOptions { CaFile = In("ca.pem"), CertificateFile = own, KeyFile = ownKey, Alpn = ["x-other", "mqtt"] },
        });
        AssertFails(link, "own.pem");   // mounted too late
        File.Copy(broker, own);
        File.Copy(key, ownKey);
        using Socket socket = _web.AcceptAny();
        using var server = new SslStream(new NetworkStream(socket), false, (_, shown, _, _) => shown?.GetCertHashString() == certificate.GetCertHashString());
        server.AuthenticateAsServer(new SslServerAuthenticationOptions { ServerCertificate = certificate, ClientCertificateRequired = true, ApplicationProtocols = [new("mqtt")] });
        Assert.Equal("mqtt", server.NegotiatedApplicationProtocol.ToString());
        Assert.Equal(certificate.GetCertHashString(), server.RemoteCertificate?.GetCertHashString());
        Assert.Equal(0x10, server.ReadByte());
        server.Write([0x20, 3, 0, 0, 0]);
        Wait.Until(() => link.State == BrokerLinkState.Ready, "ready");
    }

    [Fact]
    public void A_WebSocket_whose_peer_has_stopped_reading_is_left_though_a_write_waits_for_it()
    {
        const int Messages = 600;   // of 100 KB: more than the sockets between take
        using BrokerLink link = Start(At($"ws://127.0.0.1:{_web.Port}") with { KeepAlive = TimeSpan.FromSeconds(1), PublishBufferBytes = 64 << 20 });
        using Socket frozen = _web.AcceptWebSocket().Socket;
        FakeWebServer.Read(frozen);
        FakeWebServer.Send(frozen, FakeWebServer.Binary, 0x20, 3, 0, 0, 0);
        Wait.Until(() => link.State == BrokerLinkState.Ready, "ready");
        byte[] payload = new byte[100_000];
        for (int i = 0; i < Messages; i++)
            link.Publish(new MqttPublish { Topic = "t"u8, Payload = payload, Qos = 1 });
        Thread flush = new(link.Flush);
        flush.Start();
        using Socket again = _web.AcceptWebSocket().Socket;
        flush.Join();
        Assert.Equal(Messages, link.UnconfirmedCount);
    }

    [Fact]
    public void A_refusal_is_one_line_for_each_reason_and_never_the_secret()
    {
        using BrokerLink link = Start(Options() with { Username = "plant", Password = "hunter2" });
        void Refuse(byte code)
        {
            using FakeConnection connection = _broker.Accept();
            connection.Send(0x20, 3, 0, code, 0);
            Assert.True(connection.IsClosed());
        }
        Refuse(0x86);
        Refuse(0x86);
        Refuse(0x87);
        Refuse(0x87);
        using (FakeConnection welcome = _broker.AcceptAndWelcome(false, false))
            Wait.Until(() => link.State == BrokerLinkState.Ready, "ready");
        Refuse(0x87);
        using FakeConnection last = _broker.Accept();
        string[] lines = [.. _log.At(LogLevel.Warning).Where(line => line.Contains("refuses the connection"))];
        Assert.Equal(3, lines.Length);
        Assert.Contains("BadUserNameOrPassword; check user plant, its password and client id fake", lines[0]);
        Assert.Contains("NotAuthorized", lines[1]);
        Assert.All(_log.At(LogLevel.Warning).Append(link.LastFailure), line => Assert.DoesNotContain("hunter2", line));
    }

    [Fact]
    public void A_TLS_alert_a_web_page_and_a_closed_door_are_told_apart()
    {
        using BrokerLink link = Start(Options());
        using (FakeConnection connection = _broker.Accept())
            connection.Send(0x15, 0x03, 0x03, 0, 2, 2, 50);
        AssertFails(link, "TLS alert; does this port speak TLS? add --tls");
        using (FakeConnection connection = _broker.Accept())
            connection.Send([.. "HTTP/1.1 400 Bad Request\r\n\r\n"u8]);
        AssertFails(link, $"this is a web port; for MQTT over WebSocket write ws://127.0.0.1:{_broker.Port}/mqtt");
        _broker.Accept().Dispose();
        AssertFails(link, "instead of answering CONNECT; does this port speak TLS? add --tls");
    }

    [Fact]
    public void Five_seconds_of_silence_behind_CONNECT_are_said_while_the_attempt_goes_on()
    {
        using BrokerLink link = Start(Options(), _clock);
        using FakeConnection connection = _broker.Accept();
        Assert.Null(link.LastFailure);
        Wait.Until(() =>
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            return link.LastFailure is not null || _clock.GetUtcNow() > new DateTimeOffset(2026, 1, 1, 0, 0, 9, TimeSpan.Zero);
        }, "the line");
        Assert.StartsWith("no answer to CONNECT for 5 s; does this port speak TLS?", link.LastFailure);
        connection.Send(0x20, 3, 0, 0, 0);
        Wait.Until(() => link.State == BrokerLinkState.Ready, "ready");
    }

    [Fact]
    public void TLS_against_a_plain_port_is_told()
    {
        using var plain = new FakeWebServer();
        using BrokerLink link = Start(Options() with { Port = plain.Port, Tls = new MqttTlsOptions() });
        using var listener = new PlainAnswer(plain, [0x20, 2, 0, 1, 0, 0]);
        AssertFails(link, "does this port speak plain MQTT? leave TLS out");
    }

    private string In(string name) => Path.Combine(_folder, name);

    private static (string Password, string Method, string Data) Secrets(byte[] connect)
    {
        Assert.Equal(MqttFault.None, MqttConnect.TryParse(new MqttPacket { Type = MqttPacketType.Connect, Body = connect }, out MqttConnect parsed));
        Assert.True(parsed.Properties.TryGet(MqttPropertyId.AuthenticationMethod, out ReadOnlySpan<byte> method));
        Assert.True(parsed.Properties.TryGet(MqttPropertyId.AuthenticationData, out ReadOnlySpan<byte> data));
        return (Encoding.UTF8.GetString(parsed.Password), Encoding.UTF8.GetString(method), Encoding.UTF8.GetString(data));
    }

    private static void AssertFails(BrokerLink link, string words)
    {
        string? last = null;
        Wait.Until(() => (last = link.LastFailure)?.Contains(words) == true, () => $"'{words}', but: {last}");
    }

    private BrokerLinkOptions At(string url) => Options().At(BrokerAddress.Parse(url));

    private BrokerLinkOptions Options() => new()
    {
        Host = "127.0.0.1",
        Port = _broker.Port,
        ClientId = "fake",
        MinimumPause = TimeSpan.FromMilliseconds(10),
        MaximumPause = TimeSpan.FromMilliseconds(20),
    };

    private BrokerLink Start(BrokerLinkOptions options, TimeProvider? clock = null)
    {
        var link = new BrokerLink(options, handler: null, _log, clock);
        link.Start();
        return link;
    }

    /// <summary>Answers every connection with the same bytes.</summary>
    private sealed class PlainAnswer : IDisposable
    {
        private readonly Thread _thread;
        private volatile bool _stopped;

        public PlainAnswer(FakeWebServer server, byte[] answer)
        {
            _thread = new Thread(() =>
            {
                while (!_stopped)
                {
                    try
                    {
                        using Socket socket = server.AcceptAny();
                        socket.Receive(new byte[1024]);
                        socket.Send(answer);
                        socket.Receive(new byte[1024]);
                    }
                    catch (Exception e) when (e is SocketException or ObjectDisposedException or AggregateException)
                    {
                        // The client has gone, or the test has ended.
                    }
                }
            })
            { IsBackground = true };
            _thread.Start();
        }

        public void Dispose() => _stopped = true;
    }
}
