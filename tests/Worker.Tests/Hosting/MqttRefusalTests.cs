using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Worker.Configuration;
using StreamRnn.Worker.Hosting;

namespace StreamRnn.Worker.Tests.Hosting;

public class MqttRefusalTests
{
    private static readonly MqttOptions Plant = new() { Host = "broker", ClientId = "line-1", Username = "plant", PasswordFile = "/run/secret" };

    [Theory]
    [InlineData(MqttReasonCode.BadUserNameOrPassword, "/run/secret")]
    [InlineData(MqttReasonCode.NotAuthorized, "user plant")]
    [InlineData(MqttReasonCode.UnsupportedProtocolVersion, "V311")]
    [InlineData(MqttReasonCode.ClientIdentifierNotValid, "line-1")]
    public void What_configuration_cures_names_the_setting(MqttReasonCode code, string remedy) =>
        Assert.Contains(remedy, MqttRefusal.OfConnection(code, Plant));

    [Theory]
    [InlineData(MqttReasonCode.ServerUnavailable)]
    [InlineData(MqttReasonCode.ServerBusy)]
    [InlineData(MqttReasonCode.QuotaExceeded)]
    [InlineData(MqttReasonCode.ConnectionRateExceeded)]
    public void What_time_cures_is_tried_again(MqttReasonCode code) => Assert.Null(MqttRefusal.OfConnection(code, Plant));

    [Fact]
    public void A_refused_subscription_is_an_access_list_unless_it_is_a_quota()
    {
        Assert.Contains("--subscribe", MqttRefusal.OfSubscription(MqttReasonCode.NotAuthorized));
        Assert.Null(MqttRefusal.OfSubscription(MqttReasonCode.QuotaExceeded));
    }
}
