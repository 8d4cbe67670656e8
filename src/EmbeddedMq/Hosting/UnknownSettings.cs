using System.Diagnostics.CodeAnalysis;
using EmbeddedMq.Errors;
using Microsoft.Extensions.Configuration;

namespace EmbeddedMq.Hosting;

/// <summary>Finds what an application's configuration says and no option takes. Left unnoticed, a misspelt data directory is a broker in memory.</summary>
internal static class UnknownSettings
{
    // Read by the packages and registrations whose they are.
    private const string EngineSection = "RabbitMq";
    private const string BrokersSection = "Brokers";

    /// <summary>Finds every setting in a broker's section that nobody reads.</summary>
    /// <param name="section">The section.</param>
    /// <param name="brokers">The names of all brokers that are registered.</param>
    /// <returns>One sentence a setting.</returns>
    internal static IEnumerable<string> Find(IConfigurationSection section, IReadOnlyCollection<string> brokers)
    {
        string[] known = [.. NamesOf(typeof(BrokerOptions)), .. NamesOf(typeof(MessageBusOptions)), EngineSection, BrokersSection];
        return FindBeside(section, known)
            .Concat(FindBeside(section.GetSection(nameof(BrokerOptions.Storage)), NamesOf(typeof(StorageOptions))))
            .Concat(FindBeside(section.GetSection(nameof(BrokerOptions.Limits)), NamesOf(typeof(BrokerLimits))))
            .Concat(section.GetSection(nameof(MessageBusOptions.Consumers)).GetChildren().SelectMany(static consumer => FindBeside(consumer, NamesOf(typeof(ConsumerSettings)))))
            .Concat(FindBeside(section.GetSection(BrokersSection), brokers));
    }

    private static IEnumerable<string> FindBeside(IConfigurationSection section, IReadOnlyCollection<string> known)
        => section.GetChildren()
            .Where(setting => !known.Contains(setting.Key, StringComparer.OrdinalIgnoreCase))
            .Select(setting => MqErrors.UnknownSetting(setting.Path, known));

    private static string[] NamesOf([DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] Type options)
        => [.. options.GetProperties().Select(static property => property.Name)];
}
