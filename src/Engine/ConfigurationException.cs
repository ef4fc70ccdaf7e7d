using System.ComponentModel;
using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Configuration;

namespace StreamRnn.Engine;

/// <summary>The service cannot start as it is configured.</summary>
public sealed class ConfigurationException(IReadOnlyList<string> problems) : Exception(string.Join(Environment.NewLine, problems))
{
    /// <summary>One line each: the key, what was found and what would do.</summary>
    public IReadOnlyList<string> Problems => problems;
}
