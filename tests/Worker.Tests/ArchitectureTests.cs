using System.Reflection;
using Microsoft.Extensions.Logging;

namespace StreamRnn.Worker.Tests;

/// <summary>Who may know whom: Cells knows only the base library, Detection knows Cells, Ingest knows nothing of ours, and so on up.</summary>
public class ArchitectureTests
{
    private const string Prefix = "StreamRnn.";

    [Theory]
    [InlineData("StreamRnn.Cells")]
    [InlineData("StreamRnn.Detection", "StreamRnn.Cells")]
    [InlineData("StreamRnn.Ingest")]
    [InlineData("StreamRnn.Trainer", "StreamRnn.Cells", "StreamRnn.Detection", "StreamRnn.Ingest")]
    [InlineData("streamrnn", "StreamRnn.Cells", "StreamRnn.Detection", "StreamRnn.Ingest", "StreamRnn.Trainer")]
    public void An_assembly_knows_only_what_the_design_lets_it_know(string assembly, params string[] allowed)
    {
        IEnumerable<string> known = Assembly.LoadFrom(Path.Combine(AppContext.BaseDirectory, assembly + ".dll")).GetReferencedAssemblies()
            .Select(reference => reference.Name!);
        Assert.Empty(known.Where(name => name.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase)).Except(allowed));
    }

    [Theory]
    [InlineData("StreamRnn.Ingest")]
    [InlineData("streamrnn")]
    public void A_number_stands_for_one_line_of_the_log(string assembly)
    {
        int[] ids = [.. Assembly.LoadFrom(Path.Combine(AppContext.BaseDirectory, assembly + ".dll")).GetTypes()
            .SelectMany(type => type.GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic))
            .Select(method => method.GetCustomAttribute<LoggerMessageAttribute>())
            .OfType<LoggerMessageAttribute>()
            .Select(message => message.EventId)];
        Assert.NotEmpty(ids);
        Assert.Equal(ids.Length, ids.Distinct().Count());
    }

    [Fact]
    public void Cells_references_only_the_base_library() =>
        Assert.All(Assembly.LoadFrom(Path.Combine(AppContext.BaseDirectory, "StreamRnn.Cells.dll")).GetReferencedAssemblies(),
            reference => Assert.StartsWith("System.", reference.Name, StringComparison.Ordinal));
}
