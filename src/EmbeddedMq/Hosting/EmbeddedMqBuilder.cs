using System.Diagnostics.CodeAnalysis;
using EmbeddedMq.Handlers.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace EmbeddedMq.Hosting;

/// <summary>The builder of an application with services: registers the handler classes that it is told of.</summary>
/// <param name="name">The broker's name; empty for the one without a key.</param>
/// <param name="services">The application's services.</param>
internal sealed class EmbeddedMqBuilder(string name, IServiceCollection services) : BusBuilder(name)
{
    /// <summary>The application's services.</summary>
    public IServiceCollection Services { get; } = services;

    /// <summary>The names of all brokers that the application registers.</summary>
    public IReadOnlyCollection<string> BrokerNames
        => [.. Services.Where(static service => service.ServiceType == typeof(EmbeddedMqBuilder)).Select(static service => (string)service.ServiceKey!)];

    /// <inheritdoc/>
    internal override void ShareWithHandlers<TService>(Func<IServiceProvider, TService> create) => Services.TryAddScoped(create);

    /// <inheritdoc/>
    protected override bool NeedsScope(Type handler, IServiceProvider provider) => HandlerScopes.AreNeededFor(handler, Services, provider);

    /// <inheritdoc/>
    protected override void AddHandler<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler>()
        => Services.TryAddTransient<THandler>();

    /// <inheritdoc/>
    protected override void AddOutbox()
    {
        string key = Name;
        Services.TryAddKeyedSingleton(key, (provider, _) => provider.GetRequiredKeyedService<BrokerHost>(key).Bus.Outbox);
        if (key.Length == 0)
        {
            Services.TryAddSingleton(provider => provider.GetRequiredKeyedService<IOutbox>(key));
        }
    }
}
