using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using EmbeddedMq.Errors;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddedMq.Handlers.Configuration;

/// <summary>Finds handler classes that cannot be made, before their messages come: each of those would be dead-lettered.</summary>
/// <remarks>Only what is certain counts. What a factory, an instance or an open generic class stands for is not looked into, and where another container
/// than Microsoft's resolves, which may make what nobody registered, nothing is.</remarks>
internal sealed class HandlerCheck
{
    private readonly IServiceCollection _registered;
    private readonly IServiceProviderIsService _services;
    private readonly IServiceProviderIsKeyedService? _keyedServices;
    private readonly HashSet<Type> _seen = [];

    private HandlerCheck(IServiceCollection registered, IServiceProvider provider)
    {
        _registered = registered;
        _services = provider.GetRequiredService<IServiceProviderIsService>();
        _keyedServices = provider.GetService<IServiceProviderIsKeyedService>();
    }

    /// <summary>Checks the handler classes of consumers.</summary>
    /// <param name="consumers">The consumers.</param>
    /// <param name="registered">What the application has registered; empty where that is not known.</param>
    /// <param name="provider">What was made of that; <see langword="null"/> for an application without services.</param>
    /// <returns>Every handler class that cannot be made, and why.</returns>
    internal static IEnumerable<string> Check(IEnumerable<ConsumerPlan> consumers, IServiceCollection registered, IServiceProvider? provider)
    {
        foreach (ConsumerPlan consumer in consumers)
        {
            if (consumer.HandlerType is not { } handler)
            {
                continue;
            }

            if (provider is null)
            {
                yield return MqErrors.NoServices(consumer.Queue).Message;
            }
            else if (IsOfMicrosoft(provider) && new HandlerCheck(registered, provider).FindMissing(handler) is { } missing)
            {
                yield return MqErrors.HandlerNotToBeMade(handler, consumer.Queue, missing.Of, missing.Type, missing.Key);
            }
        }
    }

    /// <summary>Whether a container is Microsoft's, whose rules are known.</summary>
    /// <param name="provider">The application's services.</param>
    internal static bool IsOfMicrosoft(IServiceProvider provider) => provider.GetType().Assembly == typeof(ServiceProvider).Assembly;

    /// <summary>What a type is resolved as: the last registration without a key.</summary>
    /// <param name="registered">What was registered.</param>
    /// <param name="type">The type.</param>
    internal static ServiceDescriptor? Find(IServiceCollection registered, Type type)
        => registered.LastOrDefault(descriptor => !descriptor.IsKeyedService && descriptor.ServiceType == type);

    private Missing? FindMissing(Type type)
        => !_services.IsService(type) ? new Missing(null, type, null)
            : Find(_registered, type)?.ImplementationType is { } implementation && _seen.Add(implementation) ? FindMissingOf(implementation)
            : null;

    // Of several constructors the container chooses by what it can resolve: one that it can is enough.
    private Missing? FindMissingOf([DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] Type implementation)
    {
        Missing? missing = null;
        foreach (ConstructorInfo constructor in implementation.GetConstructors())
        {
            missing = constructor.GetParameters().Select(FindMissingFor).FirstOrDefault(static found => found is not null);
            if (missing is null)
            {
                return null;
            }
        }

        return missing is { Of: null } ? missing with { Of = implementation } : missing;
    }

    private Missing? FindMissingFor(ParameterInfo parameter)
        => parameter.HasDefaultValue || parameter.IsDefined(typeof(ServiceKeyAttribute)) ? null
            : parameter.GetCustomAttribute<FromKeyedServicesAttribute>() is not { } keyed ? FindMissing(parameter.ParameterType)
            : keyed.Key is { } key && IsMissing(parameter.ParameterType, key) ? new Missing(null, parameter.ParameterType, key)
            : null;

    // The container says no where an open generic class is registered for any key, and makes it nevertheless.
    private bool IsMissing(Type type, object key)
        => _keyedServices is { } services && !services.IsKeyedService(type, key) && !services.IsKeyedService(type, KeyedService.AnyKey);

    /// <summary>A service that nobody has registered.</summary>
    /// <param name="Of">The class whose constructor asks for it; <see langword="null"/>: the handler itself is what is missing.</param>
    /// <param name="Type">The service.</param>
    /// <param name="Key">Its key, or <see langword="null"/> for none.</param>
    private sealed record Missing(Type? Of, Type Type, object? Key);
}
