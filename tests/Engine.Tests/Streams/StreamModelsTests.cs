using System.Text;
using StreamRnn.Engine.Streams;
using StreamRnn.Engine.Tests.Stepping;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Tests.Streams;

public sealed class StreamModelsTests
{
    private static readonly TickRule Once = new() { Once = TickOnce.Time };

    [Fact]
    public void A_kind_is_the_first_model_and_the_first_rule_that_match()
    {
        StreamDirectory directory = new(10);
        StreamModels map = new(new ChainForecaster("standard@0"), directory,
            [(new StreamPattern("plant/+/pressure"), new ChainForecaster("pressure@1")), (new StreamPattern("plant/#"), new ChainForecaster("plant@2"))],
            [(new StreamPattern("plant/a/#"), Once)]);

        Assert.Equal(6, map.Kinds.Count);
        Assert.Equal(("pressure@1", Once), KindOf("plant/a/pressure"));
        Assert.Equal(("pressure@1", TickRule.Default), KindOf("plant/b/pressure"));
        Assert.Equal(("plant@2", Once), KindOf("plant/a/flow"));
        Assert.Equal(("standard@0", TickRule.Default), KindOf("office/co2"));

        (string Model, TickRule Rule) KindOf(string topic)
        {
            Assert.Equal(TickFault.None, directory.TryGet(Encoding.UTF8.GetBytes(topic), [], out int stream));
            RowKind kind = map.Kinds[map.KindOf(stream, plan: 0)];
            return (kind.Model.Name, kind.Rule);
        }
    }
}
